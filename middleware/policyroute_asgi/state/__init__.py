"""What is kept from one request to another, and over restarts: stores, and what is written into them."""
