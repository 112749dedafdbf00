"""Mounts a share whose server never answers over a folder, and keeps it there. Runs inside the machine, as root.

Usage: hung_share.py FOLDER. It ends, and the share with it, when it is killed.
"""

import ctypes
import os
import signal
import sys

fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", os.fsencode(sys.argv[1]), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)
signal.pause()  # requests pile up unread: whoever asks this filesystem anything waits
