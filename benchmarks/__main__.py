"""Run every benchmark, one after the other."""

from benchmarks import attention, dsprites, forward, imports, lens, patching, sae, widget

if __name__ == "__main__":
    for module in (imports, forward, lens, widget, attention, patching, sae, dsprites):
        module.main()
        print()
