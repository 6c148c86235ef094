"""The same work on many hosts at once; all their faults are told together."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lab.errors import LabError

T = TypeVar("T")
R = TypeVar("R")
WORKERS = 6


def parallel(work: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> list[R]:
    """The results in the items' order; one LabError with every fault when there are any."""
    pool = ThreadPoolExecutor(workers)
    results: list[R] = []
    faults: list[LabError] = []
    try:
        for future in [pool.submit(work, item) for item in items]:
            try:
                results.append(future.result())
            except LabError as fault:
                faults.append(fault)
    finally:
        pool.shutdown(cancel_futures=True)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise LabError("\n".join(str(fault) for fault in faults))
    return results
