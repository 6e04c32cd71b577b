"""Several workers as one program: `python -m tests.bench.workers 2`.  Each has a data folder of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def main(number: int) -> int:
    """Run until one of them ends, or a signal; return the first exit code that is not 0."""
    folder = Path(os.environ["TOUCHLINE_DATA_DIR"])
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "agents.cli", "worker"],
            env=os.environ | {"TOUCHLINE_DATA_DIR": str(folder / str(one)), "TOUCHLINE_METRICS_PORT": "0"},
        )
        for one in range(number)
    ]
    signal.signal(signal.SIGTERM, lambda *_: [worker.terminate() for worker in workers])
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    for worker in workers:
        worker.terminate()
    return next((code for worker in workers if (code := worker.wait())), 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
