"""A child process that may be lost: what comes out of it, and what is said of its end."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool

import pytest

from nodecheck.runner.isolation import Child, Lost
from nodecheck.runner.output import without_folders

LIMIT = 2**31


def pid():
    return os.getpid()


def say(text):
    sys.stdout.write(text)


def end_by(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


def end_later():
    import threading

    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()


def environment():
    return sys.stdin.read(), os.environ["OMP_NUM_THREADS"]


@pytest.fixture(scope="module")
def child():
    with Child(LIMIT) as child:
        yield child


def test_a_child_is_another_process(child):
    assert child.call(pid, seconds=30) != os.getpid()


def test_a_child_stays_for_the_next_call(child):
    assert child.call(pid, seconds=30) == child.call(pid, seconds=30)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_of_a_child_that_dies_the_signal_is_told(child, name):
    with pytest.raises(Lost, match=rf"crashed its process with {name}"):
        child.call(end_by, getattr(signal, name), seconds=30)


def test_after_a_child_has_died_the_next_call_gets_a_new_one(child):
    before = child.call(pid, seconds=30)
    with pytest.raises(Lost):
        child.call(end_by, signal.SIGKILL, seconds=30)
    assert child.call(pid, seconds=30) != before


def test_a_child_that_dies_between_two_calls_is_replaced(child):
    before = child.call(pid, seconds=30)
    child.call(end_later, seconds=30)
    time.sleep(0.5)
    assert child.call(pid, seconds=30) != before


def test_a_call_that_begins_after_the_end_was_asked_for_is_cancelled():
    with Child(LIMIT) as child:
        child.abort()
        with pytest.raises(CancelledError):
            child.call(time.sleep, 60, seconds=90)


class _Broken:
    """A pool whose process is seen to be gone before it is seen to have begun."""

    def __init__(self, made):
        made.append(self)

    def schedule(self, *_, **__):
        message = "All workers expired"
        raise BrokenProcessPool(message)

    def stop(self): ...

    def join(self): ...


def test_a_call_whose_pool_breaks_each_time_is_lost_and_not_the_run(monkeypatch):
    made = []
    monkeypatch.setattr(Child, "_new_pool", lambda _child: _Broken(made))
    with Child(LIMIT) as child, pytest.raises(Lost, match="4 processes in a row"):
        child.call(pid, seconds=30)
    assert len(made) == 4


def test_what_a_child_prints_comes_here_once(child):
    child.output.take()
    child.call(say, "hello\n", seconds=30)
    assert (child.output.take(), child.output.take()) == ("hello", "")


def test_of_much_that_is_printed_the_middle_is_left_out_and_counted(child):
    child.output.take()
    child.call(say, "a" * 1500 + "b" * 100_000 + "c" * 1500, seconds=30)
    text = child.output.take()
    assert text == "a" * 1500 + "\n[... 100000 bytes ...]\n" + "c" * 1500


def test_bytes_that_are_no_text_do_no_harm(child):
    child.output.take()
    child.call(os.write, 1, b"\xff\xfe", seconds=30)
    assert child.output.take() == "\ufffd\ufffd"


def test_a_child_has_no_input_to_wait_for_and_one_thread(child):
    assert child.call(environment, seconds=30) == ("", "1")


def test_paths_are_told_as_on_any_machine():
    here = os.getcwd()
    text = f'File "/home/me/env/lib/python3.12/site-packages/torch/x.py", line 1; {here}/mine/a.py:2: Warning'
    assert without_folders(text) == 'File "site-packages/torch/x.py", line 1; mine/a.py:2: Warning'
