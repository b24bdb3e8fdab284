"""The job queue: work that takes time, and units of the ledger where there is one."""

from arena_evals.schema import Job, Ledger, State
from arena_evals.worlds.fault import Fault
from arena_evals.worlds.schedule import after


def list_jobs(state: State) -> tuple[State, str]:
    """Return the time of the day, and every job."""
    lines = [_line(name, job) for name, job in state.jobs.items()]
    return state, "\n".join([f"now {state.time}", *lines])


def run_job(state: State, name: str) -> tuple[State, str]:
    """Run a job to its end, unless the service is stopped before."""
    job = state.jobs.get(name)
    if job is None:
        raise Fault(f"{name}: no such job")
    if job.status == "done":
        raise Fault(f"{name}: is done already")
    ledger = _paid(state.ledger, job) if state.ledger else None
    later = after(state, job.minutes)
    if not later.running:
        return later, f"{later.time} {name} interrupted: {state.service} was stopped"
    jobs = {**state.jobs, name: job.model_copy(update={"status": "done"})}
    return later.model_copy(update={"jobs": jobs, "ledger": ledger}), f"{later.time} {name} done"


def _line(name: str, job: Job) -> str:
    units = f", {job.units} units" if job.units else ""
    return f"{name}  {job.status}  {job.minutes} min{units}  {job.text}"


def _paid(ledger: Ledger, job: Job) -> Ledger:
    if job.units > ledger.balance:
        raise Fault(f"needs {job.units} units, the account holds {ledger.balance}")
    return ledger.model_copy(update={"balance": ledger.balance - job.units})
