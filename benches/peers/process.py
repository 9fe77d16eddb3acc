"""Runs a command: python process.py BENCH COMMAND... prints {"bench", "ms", "mib"}: wall time from start to exit and peak memory."""
import json
import resource
import subprocess
import sys
import time

clock = time.perf_counter()
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
ms = 1e3 * (time.perf_counter() - clock)
mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"bench": sys.argv[1], "ms": ms, "mib": mib}))
