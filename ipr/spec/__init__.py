"""``ipr-spec``: puts ipr on kernelspecs, and takes it off again to the byte.

*Wrapped* is a kernelspec whose argv starts ipr; a *plan* is what is to be done to one
before anything is done; the *far side* is the machine on which a launcher in a
kernelspec's own argv starts its kernel.

Must not know the daemon: of the rest of ipr it imports the boot room only.
"""
