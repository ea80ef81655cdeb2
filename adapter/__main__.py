from __future__ import annotations

from adapter.cli.main import run

if __name__ == "__main__":
    run()
