"""Chief and workers: who does what, and what becomes of those who are lost."""

import pytest

from tests.tuning.remote.meeting import (
    KEY,
    Office,
    Serving,
    answer,
    free_address,
    jobs,
    join_by_hand,
)
from tests.tuning.sweeping import begin, ledger, outcome, settings, sweep
from zoo.errors import Interrupted, UserError
from zoo.tuning.remote import messages
from zoo.tuning.remote.chief import Chief
from zoo.tuning.remote.door import Door
from zoo.tuning.remote.line import CHIEF, Line

DONE = [(n, "completed") for n in range(6)]


class Clock:
    """Seconds as a test wants them."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_two_workers_do_every_job_once_and_are_told_goodbye(tmp_path):
    office = Office(jobs(6))
    workers = [Serving(office.address, tmp_path / n) for n in "ab"]
    assert sorted(office.join()) == DONE
    assert [worker.join() for worker in workers] == [None, None]
    assert [worker.said[-1] for worker in workers] == ["the sweep is over"] * 2


def test_a_job_arrives_as_it_was_but_for_what_is_the_worker_s_own(tmp_path):
    taken = []

    def work(given, workers, log, stop):
        for job in given:
            if job is not None:
                taken.append(job)
                yield outcome(job)

    office = Office(jobs(1))
    more = {"work": work, "data_dir": "/data"}
    Serving(office.address, tmp_path, **more).join()
    office.join()
    own = {"runs_dir": str(tmp_path), "data_dir": "/data"}
    assert taken[0].config == jobs(1)[0].config.replace(**own)
    # The chief's own job comes back, with the result just as it was.
    assert office.outcomes[0].job == jobs(1)[0]
    assert office.outcomes[0].history == outcome(taken[0]).history


def test_a_worker_with_three_places_gets_three_jobs(tmp_path):
    office = Office(jobs(5))
    line = join_by_hand(office.address, places=3)
    assert [line.receive(1)["number"] for _ in range(3)] == [1, 2, 3]
    assert line.receive(0.1) is None
    line.close()
    Serving(office.address, tmp_path).join()
    assert sorted(office.join()) == DONE[:5]


def test_a_job_of_a_lost_connection_is_handed_out_again(tmp_path):
    office = Office(jobs(2))
    line = join_by_hand(office.address)
    assert line.receive(1)["say"] == "job"
    line.close()
    office.wait_for("far (process 7) has left; handed out again: s/trial-0")
    office.wait_for("come")
    Serving(office.address, tmp_path).join()
    assert sorted(office.join()) == DONE[:2]


def test_a_worker_that_falls_silent_loses_its_job_and_its_say(tmp_path):
    clock = Clock()
    office = Office(jobs(1), clock)
    line = join_by_hand(office.address)
    message = line.receive(1)
    clock.now = 59.0
    line.send("alive")
    assert line.receive(1) == {"say": "alive"}
    clock.now = 118.0  # 59 s of silence are borne
    assert line.receive(0.2) is None
    clock.now = 120.0
    office.wait_for("far (process 7) said nothing for 60 s; handed out again")
    with pytest.raises(OSError, match="hung up"):
        line.receive(1)
    job = messages.to_job(message)
    with pytest.raises(OSError, match="[Pp]ipe|reset"):
        for _ in range(9):
            line.send("outcome", **messages.from_outcome(outcome(job)))
    line.close()
    Serving(office.address, tmp_path).join()
    assert office.join() == DONE[:1]


def test_a_job_that_loses_three_workers_is_lost(tmp_path):
    office = Office(jobs(2))
    for _ in range(3):
        line = join_by_hand(office.address)
        numbers = [line.receive(1)["number"]]
        line.close()
        office.wait_for("has left")
    assert numbers == [1]
    Serving(office.address, tmp_path).join()
    assert office.join() == [(0, "lost"), (1, "completed")]
    assert office.outcomes[0].reason == "3 workers were lost with it"


def test_an_outcome_of_a_job_that_was_not_given_is_ignored(tmp_path):
    office = Office(jobs(2))
    line = join_by_hand(office.address)
    job = messages.to_job(line.receive(1))
    message = messages.from_outcome(outcome(job))
    line.send("outcome", **{**message, "number": 2})
    line.send("outcome", **message)
    line.send("outcome", **message)
    assert line.receive(1)["number"] == 2
    line.close()
    Serving(office.address, tmp_path).join()
    assert office.join() == DONE[:2]


def test_a_failure_says_where(tmp_path):
    def work(given, workers, log, stop):
        for job in given:
            if job is not None:
                yield type(outcome(job))(job, "failed", reason="no such data")

    office = Office(jobs(1))
    Serving(office.address, tmp_path, work=work).join()
    assert office.join() == [(0, "failed")]
    assert office.outcomes[0].reason.startswith("no such data (on ")


def test_a_wrong_key_is_told_on_both_sides_and_the_chief_goes_on(tmp_path):
    office = Office(jobs(1))
    error = Serving(office.address, tmp_path, key=b"another key").join()
    assert isinstance(error, UserError)
    assert "no chief to work for: it has another key" in str(error)
    office.wait_for("a worker at 127.0.0.1 is refused: it has another key")
    Serving(office.address, tmp_path).join()
    assert office.join() == DONE[:1]


def test_another_version_is_told_on_both_sides(tmp_path, monkeypatch):
    from zoo.tuning.remote import helper

    class Older(helper.Line):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, version="0.0.1", **more)

    office = Office(jobs(1))
    with monkeypatch.context() as patch:
        patch.setattr(helper, "Line", Older)
        error = Serving(office.address, tmp_path).join()
    assert "not zoo 0.0.1" in str(error)
    office.wait_for("is refused: it runs zoo 0.0.1")
    Serving(office.address, tmp_path).join()
    assert office.join() == DONE[:1]


def test_a_caller_that_says_nothing_does_not_keep_others_out(tmp_path):
    office = Office(jobs(1))
    with office.address.call(1):
        Serving(office.address, tmp_path).join()
        assert office.join() == DONE[:1]


def test_a_chief_without_work_needs_no_worker():
    office = Office([])
    assert office.join() == [] and office.said == []


def test_a_chief_that_fails_tells_its_workers_to_stop(tmp_path):
    def broken():
        yield from jobs(1)
        raise ZeroDivisionError

    office = Office(broken())
    error = Serving(office.address, tmp_path).join()
    assert isinstance(error, Interrupted) and "was stopped" in str(error)
    with pytest.raises(ZeroDivisionError):
        office.join()


def test_a_worker_gives_up_where_there_is_no_chief(tmp_path):
    address = free_address()
    error = Serving(address, tmp_path, patience=0.1).join()
    assert isinstance(error, UserError)
    assert f"no chief answered at {address} for 0 s" in str(error)


def test_a_worker_comes_back_to_a_chief_that_comes_back(tmp_path):
    address, seen = free_address(), []

    def work(given, workers, log, stop):
        seen.append(stop)
        yield from answer(given, workers, log, stop)

    worker = None
    with address.listen() as door:
        worker = Serving(address, tmp_path, work=work)
        line = Line(door.accept()[0], lambda: KEY, CHIEF)
        line.send("hello", sweep="s")
        assert line.receive(2)["say"] == "hello"
        line.close()
    office = Office(jobs(1), address=address)
    assert office.join() == DONE[:1]
    assert worker.join() is None
    assert [stop.requested for stop in seen] == [True, False]
    assert "is gone; what was under way is saved" in worker.said[2]


def test_a_chief_that_falls_silent_is_gone(tmp_path):
    address = free_address()
    with address.listen() as door:
        more = {"silence": 0.2, "patience": 0.1, "work": answer}
        worker = Serving(address, tmp_path, **more)
        line = Line(door.accept()[0], lambda: KEY, CHIEF)
        line.send("hello", sweep="s")
        assert line.receive(2)["say"] == "hello"
        # It still takes what the worker says, but answers nothing.
        with pytest.raises(OSError, match="hung up"):
            while line.receive(5) == {"say": "alive"}:
                pass
        line.close()
    assert "no chief answered" in str(worker.join())
    assert "is gone; what was under way is saved" in worker.said[-1]


def test_a_chief_can_train_as_well(tmp_path):
    address, served = free_address(), []

    def local(workers, log):
        served.append(workers)
        Serving(address, tmp_path, workers=workers).join()

    office = Office(jobs(4), address=address, workers=2, local=local)
    assert sorted(office.join()) == DONE[:4]
    assert served == [2]


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
def test_one_worker_elsewhere_leaves_the_ledger_of_a_sweep_at_home(
    tmp_path, tuner
):
    asked = settings(tmp_path, tuner=tuner, trials=4)
    home = begin(asked, "home")
    sweep(home, asked)
    away = begin(asked, "away")
    with Door(free_address(), talk=1.0) as door:
        door.open(KEY, "away")
        chief = Chief(door, lambda text: None, "come", tick=0.02)
        worker = Serving(door.address, tmp_path)
        sweep(away, asked, workers=0, work=chief.work)
    assert worker.join() is None
    (there, asked_there), (here, asked_here) = ledger(away), ledger(home)
    assert asked_there == asked_here
    assert [one.score for one in there] == [one.score for one in here]
    keys = [(one.proposal, one.execution) for one in there]
    assert len(keys) == len(set(keys))
