"""Whether a trace holds what the Chrome trace event format asks for, and makes sense."""
import numbers

PHASES = {"X", "M", "C"}


def problems(trace):
    """A list of what is wrong, in words; empty for a sound trace."""
    found = []
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list) or not trace["traceEvents"]:
        return ["there is no list of events"]
    if trace.get("displayTimeUnit") not in ("ms", "ns"):
        found.append(f"displayTimeUnit is {trace.get('displayTimeUnit')}")
    threads, names = {}, set()
    for i, event in enumerate(trace["traceEvents"]):
        where = f"event {i} ({event.get('name')})"
        if event.get("ph") not in PHASES:
            found.append(f"{where}: phase {event.get('ph')}")
            continue
        if not isinstance(event.get("name"), str) or not event["name"]:
            found.append(f"{where}: no name")
        for key in ("pid", "tid"):
            if not isinstance(event.get(key), int):
                found.append(f"{where}: {key} is {event.get(key)}")
        if not isinstance(event.get("ts"), numbers.Real) or event["ts"] < 0:
            found.append(f"{where}: ts is {event.get('ts')}")
            continue
        if not isinstance(event.get("args"), dict):
            found.append(f"{where}: no args")
        elif event["ph"] == "C" and not (event["args"] and all(isinstance(v, numbers.Real) for v in event["args"].values())):
            found.append(f"{where}: a counter of {event['args']}")
        if event["ph"] == "M" and event["name"] == "thread_name":
            names.add((event["pid"], event["tid"]))
        if event["ph"] == "X":
            if not isinstance(event.get("dur"), numbers.Real) or event["dur"] < 0:
                found.append(f"{where}: dur is {event.get('dur')}")
                continue
            threads.setdefault((event["pid"], event["tid"]), []).append(event)
    for thread, events in threads.items():
        if thread not in names:
            found.append(f"thread {thread} has no name")
        found += nesting(thread, events)
    return found


def nesting(thread, events, slack=0.002):
    """Events of a thread lie one behind or within the other; `slack` is what rounding to nanoseconds does."""
    found, open_ends = [], []
    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        end = event["ts"] + event["dur"]
        while open_ends and open_ends[-1] <= event["ts"] + slack:
            open_ends.pop()
        if open_ends and end > open_ends[-1] + slack:
            found.append(f"thread {thread}: {event['name']} at {event['ts']} ends behind what it lies in")
        open_ends.append(end)
    return found
