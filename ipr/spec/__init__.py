"""``ipr-spec``: puts ipr on kernelspecs, and takes it off again to the byte.

*Wrapped* is a kernelspec whose argv starts ipr: *around* its whole command, or
*inside*, after the words of a launcher. The *far side* is the machine on which that
launcher starts its kernel. A *wish* is how a user wants ipr installed; a *step* is one
change to a kernelspec before it is made.

Must not know the daemon: of the rest of ipr it imports the boot room only.

Pure: farside, fields, inside, jsontext, restoring, wrapping.
"""
