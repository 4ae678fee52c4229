"""Several processes behind one socket: a supervisor that decides what is served, and workers that serve it.

Rule of this package: the supervisor touches no request, and a worker reads no policy file, no secret and no state
directory. What passes between them are the values in `messages`.
"""
