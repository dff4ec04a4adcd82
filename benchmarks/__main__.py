"""Run every benchmark, one after the other."""

from benchmarks import forward, imports, lens, widget

if __name__ == "__main__":
    for module in (imports, forward, lens, widget):
        module.main()
        print()
