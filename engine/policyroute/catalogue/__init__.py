"""What is publicly known of vendors and of the models they serve."""

from policyroute.catalogue.models import Model, Models, Rates
from policyroute.catalogue.traits import BY_DIALECT, FREE, LATER, Traits, traits
from policyroute.catalogue.vendors import AUTH_STYLES, VENDORS, Vendor, batch_at, vendor_at

__all__ = [
    "AUTH_STYLES",
    "BY_DIALECT",
    "FREE",
    "LATER",
    "VENDORS",
    "Model",
    "Models",
    "Rates",
    "Traits",
    "Vendor",
    "batch_at",
    "traits",
    "vendor_at",
]
