"""The guided tour that `policyroute demo` gives: a real gateway, real HTTP, real files, no key and no network.

Rule of this package: nothing is staged. It sends what any client could send, edits what any editor could edit, and each
step fails the command if it did not show what it says.
"""
