"""The daemon's life, top to bottom: start, run, stop.

Signals only set what shall happen; the loop does it. A part that ends unexpectedly takes the daemon down
loudly, so that whoever supervises it starts it again and the ledger takes everything up.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import queue
import random
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

from docferry import __version__
from docferry.clock import Clock, SystemClock
from docferry.config import load
from docferry.config.folders import ENGINE_VARIABLE, check_folders
from docferry.config.models import Config
from docferry.daemon.alerting import AlertDesk, make_senders, tell_of_ledger
from docferry.daemon.build import build_context, known_folders, make_services, open_places
from docferry.daemon.claims import ClaimDesk
from docferry.daemon.control import ControlServer
from docferry.daemon.engine_child import EngineChild, engine_settings, until_listening
from docferry.daemon.inboxes import Inboxes
from docferry.daemon.pausing import Paused
from docferry.daemon.requests import perform
from docferry.daemon.sockets import CONTROL, engine_socket, socket_path
from docferry.daemon.status import base_status, brief
from docferry.daemon.telling import parked_providers, status_line, troubles
from docferry.daemon.upkeep import Upkeep
from docferry.errors import ConfigError, DocferryError, ExitCode, LedgerBusy, LedgerError, UsageError
from docferry.ledger import Change, Event, Ledger, LedgerReader, Oldest
from docferry.models import ENDED, Document, DocumentState, Json, counted
from docferry.observe import logs
from docferry.observe.health import Health, HealthServer, Listen
from docferry.observe.metrics import Metrics, PrometheusMetrics
from docferry.observe.notify import Notifier, Progress
from docferry.pipeline.dispatcher import Dispatcher
from docferry.pipeline.pace import PaceBook
from docferry.rules.facts import FactReader
from docferry.rules.reload import ConfigWatcher
from docferry.rules.route import Router

log = logging.getLogger(__name__)

TICK_S = 1.0
ONCE_TICK_S = 0.05
AT_START = ("control", "engine", "metrics")  # parts of the configuration that a reload does not follow
START_EXTENSION_S = 60.0
STOP_EXTENSION_S = 10.0
LAST_ALERTS_S = 5.0
ENGINE_SERVICE_WAIT_S = 30.0
SAVE_PACE_EVERY_S = 60.0
FOLDERS_TIMEOUT_S = 10.0
TIDY_S = 10.0
PUT_AWAY_S = 10.0
"""How long a retry waits for documents that are just being put away; a folder that is away may take longer."""
PUT_AWAY_LOOK_S = 0.05


def run(config: Config, *, once: bool) -> ExitCode:
    """Runs until stopped (or, with ``once``, until nothing is left) and returns the exit code."""
    logs.configure(format=config.log.format, level=config.log.level, names=config.log.names)
    if problems := folder_problems(config):
        raise ConfigError(problems)
    return asyncio.run(_until_ended(Daemon(config, SystemClock(), once=once)))


def folder_problems(config: Config) -> list[str]:
    """What is wrong with the folders; nothing where a share hangs, which must hold up its own inbox only."""
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    known = known_folders(config.state)
    threading.Thread(target=lambda: found.put(check_folders(config, known)), name="folders", daemon=True).start()
    try:
        return found.get(timeout=FOLDERS_TIMEOUT_S)
    except queue.Empty:
        log.warning("the folders could not be looked at within %.0f s: a share hangs", FOLDERS_TIMEOUT_S)
        return []


async def _until_ended(daemon: Daemon) -> ExitCode:
    code = await daemon.main()
    if daemon.cut_off:
        # A thread that hangs in a dead share cannot be ended; Python would wait for it for ever. All that
        # matters is in the ledger, which is closed.
        log.warning("%d requests or writes did not end in time; leaving them behind", daemon.cut_off)
        logging.shutdown()
        os._exit(code)
    return code


def _has_terminal() -> bool:
    """Whether a terminal controls this process: closing it is then meant to end what was started in it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Daemon:
    """One run of the daemon. Its parts meet only in the ledger and in ``Dispatcher``."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        *,
        once: bool,
        sends: Callable[[Daemon], Awaitable[None]] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``sends``: instead of watching, puts these documents through and touches nothing else."""
        self._sends = sends
        self.on_change: Callable[[Change], object] = lambda change: None
        self.config = config
        self.clock = clock
        self.once = once
        self.environ = environ
        self._rng = random.Random()  # noqa: S311 - spreads retries and polls, guards nothing
        self.stopping = False
        self.cut_off = 0
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._signals = 0
        self._failed_ids: set[str] = set()  # also what an earlier run left to be put away
        self._left_behind: list[str] = []
        self._started_at = clock.now()
        self.reload_problem: str | None = None
        self._last_commits = -1

    async def main(self) -> ExitCode:
        """Start, run, stop. Every part that was started is stopped, in reverse order, whatever happens."""
        self._handle_signals()
        async with AsyncExitStack() as stack:
            await self._start(stack)
            gc.freeze()  # modules and wiring stay for ever: no collection need look through them again
            async with asyncio.TaskGroup() as group:
                parts = [
                    group.create_task(self.dispatcher.run(), name="dispatcher"),
                    group.create_task(self._tick(), name="tick"),
                    group.create_task(self._watch_config(), name="configuration"),
                    group.create_task(self.alerts.run(), name="alerts"),
                    group.create_task(self.upkeep.run(), name="upkeep"),
                ]
                if self.engine is not None:
                    parts.append(group.create_task(self.engine.supervise(), name="engine"))
                await self._stop.wait()
                await self._wind_down()
                for part in parts:
                    part.cancel()
        return ExitCode.FAILED if self.once and (self._failed_ids or self._left_behind) else ExitCode.OK

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal, number)
        loop.add_signal_handler(signal.SIGHUP, partial(self._on_hangup, had_terminal=_has_terminal()))

    def _on_hangup(self, *, had_terminal: bool) -> None:
        """A service is asked to read its configuration again; the terminal of one that was started by hand is gone."""
        if had_terminal and not _has_terminal():
            self._stop.set()
        else:
            self._reload.set()

    def _on_stop_signal(self, number: int) -> None:
        """The first asks, the second insists: what is cut off then is settled at the next start."""
        self._signals += 1
        if self._signals > 1:
            log.warning("stopping at once, as asked twice")
            os._exit(128 + number)
        self._stop.set()

    # start

    async def _start(self, stack: AsyncExitStack) -> None:
        config = self.config
        self.notifier = Notifier(self.environ, os.getpid())
        self.progress = Progress(self.clock.elapsed)
        self.metrics: Metrics = PrometheusMetrics(self.clock.now) if config.metrics.listen else Metrics()
        self.ledger = await self._open_ledger()
        stack.callback(self.ledger.close)
        self.engine = await self._start_engine(stack)
        facts = FactReader()
        stack.push_async_callback(facts.aclose)
        self._facts = facts
        self.context = await build_context(
            config,
            ledger=self.ledger,
            clock=self.clock,
            rng=self._rng,
            facts=facts,
            engine_socket=engine_socket(config.state, self.environ),
            pace=PaceBook(await self.ledger.pace_models(), config.providers, self._rng),
            metrics=self.metrics,
            on_change=self._on_change,
            environ=self.environ,
        )
        stack.push_async_callback(self._close_providers)
        self.dispatcher = Dispatcher(self.context, lambda: self.inboxes.claim_in_bulk())
        self.paused = await Paused.recall(self.ledger)
        self.dispatcher.paused_providers = self.paused.providers
        self.alerts = await AlertDesk.create(self)
        self.desk = ClaimDesk(self.ledger, self.dispatcher, asyncio.get_running_loop(), self.clock)
        self.inboxes = Inboxes(self, self.desk)
        self.upkeep = Upkeep(self)
        taken_up = 0
        if self._sends is None:
            taken_up = await self.dispatcher.load()
            await self.inboxes.start(config.inboxes)
        else:
            await self._sends(self)
        stack.push_async_callback(self.inboxes.stop)
        await self._start_listeners(stack)
        self.progress.expect("ledger", 60.0)
        self.progress.expect("dispatcher", 60.0)
        log.info("docferry %s started; %d open documents taken up", __version__, taken_up)

    async def _open_ledger(self) -> Ledger:
        try:
            return Ledger(self.config.state, on_commit=self.metrics.committed).open()
        except LedgerBusy:
            raise  # another daemon runs, which is well
        except LedgerError as error:
            await tell_of_ledger(self.config, self.environ, error, self.clock.now())
            raise

    async def _start_engine(self, stack: AsyncExitStack) -> EngineChild | None:
        if not any(provider.engine for provider in self.config.providers.values()):
            return None
        socket = engine_socket(self.config.state, self.environ)
        if self.environ.get(ENGINE_VARIABLE):
            if not await until_listening(socket, self.clock, ENGINE_SERVICE_WAIT_S):
                log.error("the engine's service does not listen on %s; its documents wait for it", socket)
            return None
        settings = engine_settings(self.config.engine, self.config.state, self.environ)
        engine = EngineChild(settings, socket, self.clock)
        stack.push_async_callback(engine.stop)
        await engine.start()
        return engine

    async def _start_listeners(self, stack: AsyncExitStack) -> None:
        handlers = {
            "status": self._answer_status,
            "retry": self._answer_documents,
            "cancel": self._answer_documents,
            "pause": self._answer_pause,
            "resume": self._answer_pause,
            "reload": self._answer_reload,
            "send": self._answer_send,
        }
        path = self.config.control.socket or socket_path(self.config.state, CONTROL)
        control = ControlServer(path, handlers, group=self.config.control.group)
        await control.start()
        stack.push_async_callback(control.stop)
        if self.config.metrics.listen:
            health = HealthServer(
                Listen.parse(self.config.metrics.listen),
                self.metrics,
                healthy=self._healthy,
                ready=self._ready,
                refresh=self._refresh_metrics,
            )
            await health.start()
            stack.push_async_callback(health.stop)

    async def _close_providers(self) -> None:
        for service in self.context.services.values():
            await service.provider.aclose()

    # run

    async def _tick(self) -> None:
        """Once a second: signs of life, readiness, metrics; with ``once``, whether there is anything left."""
        announced, save_pace_at = False, self.clock.elapsed() + SAVE_PACE_EVERY_S
        while not self._stop.is_set():
            self._mark_progress()
            if announced:
                self.notifier.status(status_line(self))
            elif self.inboxes.all_scanned():
                announced = True
                self.notifier.ready(status_line(self))
                log.info("ready: %s", status_line(self))
            else:  # a large inbox: one that hangs is not waited for, so this goes on only while there is progress
                self.notifier.extend_timeout(START_EXTENSION_S)
            self._feed_watchdog()
            if self.clock.elapsed() >= save_pace_at:
                save_pace_at = self.clock.elapsed() + SAVE_PACE_EVERY_S
                await self._save_pace()
            if self.once and announced and await self._nothing_left():
                self._stop.set()
                return
            await self.clock.sleep(ONCE_TICK_S if self.once or not announced else TICK_S)

    def _mark_progress(self) -> None:
        pulse = self.ledger.pulse()
        if pulse.waiting + pulse.in_hand == 0 or pulse.commits != self._last_commits:
            self.progress.made("ledger")
        self._last_commits = pulse.commits
        if self.clock.elapsed() - self.dispatcher.last_turn_at < 10 * TICK_S:
            self.progress.made("dispatcher")
        self.inboxes.mark_progress(self.progress)

    def _feed_watchdog(self) -> None:
        verdict = self.progress.judge()
        if verdict.feed:
            self.notifier.watchdog()
        else:
            log.error("%s", verdict)

    async def _nothing_left(self) -> bool:
        """In the order in which a document travels, so that none is overlooked between two looks."""
        left = self.inboxes.left_behind()
        if left is None or self.desk.on_the_way() > 0:
            return False
        held_up = self.dispatcher.held_up()
        if held_up is None or await self.dispatcher.awaits_fallback(held_up.keys() - self.paused.providers):
            return False
        if self.dispatcher.held_up() != held_up:  # a document went on while the ledger was asked
            return False
        left += [self._held_up(name, count) for name, count in held_up.items()]
        if self._sends is None:
            left += await asyncio.to_thread(self._held)
        for line in left:
            log.error("not worked off: %s", line)
        self._left_behind = left
        return True

    def _held_up(self, name: str, count: int) -> str:
        waiting = counted(count, "document waits", "documents wait")
        parked = self.context.services[name].gate.parked if name in self.context.services else None
        if name in self.paused.providers or parked is None:
            return f"provider {name} is paused and {waiting} for it (docferry resume {name})"
        hint = f"; {parked.hint}" if parked.hint else ""
        return f"provider {name} is parked and {waiting} for it: {parked.reason}{hint}"

    def _held(self) -> list[str]:
        with LedgerReader(self.config.state) as ledger:
            return [
                f"document {document.id} is held for a person: {document.error or document.waits_for}"
                for document in ledger.documents(states=("held",), limit=None)
            ]

    def _on_change(self, change: Change) -> None:
        state = change.after.state
        if state is DocumentState.FAILED:
            self._failed_ids.add(change.after.id)
        else:
            self._failed_ids.discard(change.after.id)  # it was retried
        if state is not change.before.state:
            self.alerts.changed(change)
        self.on_change(change)

    async def _watch_config(self) -> None:
        """Takes an edit of the rules over within a second; a broken one changes nothing and is shown."""
        watcher = ConfigWatcher(self.config.sources)
        while not self._stop.is_set():
            await self.clock.sleep(0.5)
            if self._reload.is_set() or await asyncio.to_thread(watcher.changed):
                self._reload.clear()
                await self._take_over()

    async def _take_over(self) -> str:
        """Reads the configuration again. Returns what happened in words."""
        self.notifier.reloading()
        try:
            config = await asyncio.to_thread(load, self.config.path, environ=self.environ)
            if problems := await asyncio.to_thread(check_folders, config, known_folders(config.state)):
                raise ConfigError(problems)
            said = await self._apply(config)
            self.reload_problem = None
        except DocferryError as error:
            said = f"the edited configuration is not used: {error}"
            self.reload_problem = str(error)
            log.error("%s", said)
        self.notifier.ready(status_line(self))
        return said

    async def _apply(self, config: Config) -> str:
        if config.state != self.config.state:
            raise UsageError("state: cannot change while docferry runs", hint="restart it")
        had_engine = any(provider.engine for provider in self.config.providers.values())
        if any(provider.engine for provider in config.providers.values()) and not had_engine:
            raise UsageError("the embedded engine is started only with the daemon", hint="restart docferry")
        socket = engine_socket(config.state, self.environ)
        services = make_services(config, self.clock, self._rng, socket, self.environ, self.context.services)
        senders = make_senders(config.alerts, self.environ)
        changed = [inbox for inbox in config.inboxes if self.context.inboxes.get(inbox.name) != inbox]
        outlets = {
            **self.context.outlets,
            **await open_places(self.ledger, changed),
        }
        replaced = [service for name, service in self.context.services.items() if services.get(name) is not service]
        self.context.router = Router(config, self._facts)
        self.context.services, self.context.outlets = services, outlets
        self.context.inboxes = {inbox.name: inbox for inbox in config.inboxes}
        self.context.pace.follow(config.providers)
        logs.configure(format=config.log.format, level=config.log.level, names=config.log.names)
        self.alerts.follow(senders)
        left = [f"{name}:" for name in AT_START if getattr(config, name) != getattr(self.config, name)]
        if left:
            log.warning("%s is taken over at the next start only", " ".join(left))
        self.config = config
        await self.inboxes.change(config.inboxes)
        for service in replaced:
            await service.provider.aclose()
        self.dispatcher.wake()
        log.info("configuration taken over, rules %s", config.rules_hash[:12])
        await self.ledger.record(Event("configuration", {"rules": config.rules_hash}), self.clock.now())
        return f"configuration taken over, rules {config.rules_hash[:12]}"

    # stop

    async def _wind_down(self) -> None:
        """Stops intake, lets requests finish within the grace time, and leaves the rest to the next start."""
        self.stopping = True
        self.notifier.stopping("finishing what is on its way")
        grace_s = self.config.shutdown_grace_s
        self.notifier.extend_timeout(grace_s + STOP_EXTENSION_S)
        await self.inboxes.stop()
        self.cut_off = await self.dispatcher.stop(grace_s)
        await asyncio.gather(
            *(asyncio.to_thread(place.tidier.finish, TIDY_S) for place in self.context.outlets.values())
        )
        await self._save_pace()
        with suppress(TimeoutError):  # what was not sent in time is remembered
            async with asyncio.timeout(LAST_ALERTS_S):
                await self.alerts.look()
        left = len(self.dispatcher.schedule)
        log.info("stopped; %s at the next start", "1 document goes on" if left == 1 else f"{left} documents go on")

    async def _save_pace(self) -> None:
        for (provider, endpoint), model in self.context.pace.changed().items():
            await self.ledger.save_pace(provider, endpoint, model)

    # questions

    async def _answer_status(self, request: Mapping[str, Json]) -> Mapping[str, Json]:
        status = base_status(self.config)
        counts, documents = await asyncio.to_thread(self._read_counts)
        for inbox in status["inboxes"]:
            inbox |= self.inboxes.facts(inbox["name"])
            inbox["documents"] = counts.get(inbox["name"], {})
            if inbox["name"] in self.paused.inboxes:
                inbox["state"] = "paused"
        for provider in status["providers"]:
            name = provider["name"]
            provider["state"] = self._provider_state(name)
            provider["running"] = sum(n for lane, n in self.dispatcher.running().items() if lane.endswith(f":{name}"))
        return status | {
            "running": True,
            "version": __version__,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "trouble": troubles(self),
            "documents": documents,
            "uploads": dict(self.context.uploads),
            "rules_hash": self.config.rules_hash,
        }

    def _provider_state(self, name: str) -> str:
        if name in self.paused.providers:
            return "paused"
        parked = self.context.services[name].gate.parked
        return f"parked: {parked.reason}" if parked is not None else "ready"

    def _read_counts(self) -> tuple[dict[str, dict[str, int]], list[dict[str, Json]]]:
        with LedgerReader(self.config.state) as ledger:
            documents = ledger.documents(states=("submitting", "waiting", "storing", "delivering", "held"), limit=50)
            documents += ledger.documents(states=("queued",), limit=50)
            return ledger.counts(), [brief(document) for document in documents]

    async def _answer_documents(self, request: Mapping[str, Json]) -> Mapping[str, Json]:
        if request["do"] == "retry":
            await self._until_put_away(request["ids"])
        outcomes = await perform(self.context, request["do"], request["ids"])
        for outcome in outcomes:
            if (document := outcome.pop("document", None)) is not None:
                self.dispatcher.add(document)
        return {"outcomes": outcomes}

    async def _until_put_away(self, ids: Sequence[str]) -> None:
        """Waits until those that have just ended are put away; for all together no longer than ``PUT_AWAY_S``."""
        patient_until = self.clock.elapsed() + PUT_AWAY_S
        for document_id in ids:
            while (document := await self.ledger.document(document_id)) is not None:
                is_on_the_way = document.state in ENDED and not document.filed
                if not is_on_the_way or self.clock.elapsed() >= patient_until:
                    break
                await self.clock.sleep(PUT_AWAY_LOOK_S)

    async def _answer_send(self, request: Mapping[str, Json]) -> Mapping[str, Json]:
        document = await self.send(Path(request["file"]), request.get("inbox"), request.get("provider"))
        return {"id": document.id}

    async def send(self, file: Path, inbox: str | None, provider: str | None) -> Document:
        """Takes one file past the inboxes' scanners. Raises UsageError."""
        if provider is not None and provider not in self.context.services:
            raise UsageError(
                f"there is no provider called {provider!r}", hint=f"known: {', '.join(self.context.services)}"
            )
        if inbox is not None and inbox not in self.context.inboxes:
            raise UsageError(f"there is no inbox called {inbox!r}", hint=f"known: {', '.join(self.context.inboxes)}")
        return await self.desk.send(file, self.context.inboxes[inbox or self.config.inboxes[0].name], provider)

    async def _answer_pause(self, request: Mapping[str, Json]) -> Mapping[str, Json]:
        name, pausing = request["name"], request["do"] == "pause"
        said = self.paused.follow(self.config, name, pausing=pausing)
        if not pausing and name in self.context.services:
            self.context.services[name].gate.try_now(self.clock.now())
        await self.paused.remember(self.ledger)
        self.dispatcher.wake()
        return {"said": said}

    async def _answer_reload(self, request: Mapping[str, Json]) -> Mapping[str, Json]:
        said = await self._take_over()
        if self.reload_problem:
            raise UsageError(said)
        return {"said": said}

    def _healthy(self) -> Health:
        verdict = self.progress.judge()
        return Health(verdict.feed, str(verdict))

    def _ready(self) -> Health:
        trouble = troubles(self)
        return Health(self.inboxes.all_scanned() and not trouble, "; ".join(trouble) or "ready")

    async def _refresh_metrics(self) -> None:
        counts, oldest = await asyncio.to_thread(self._read_for_metrics)
        states: dict[str, int] = {}
        for by_state in counts.values():
            for state, count in by_state.items():
                states[state] = states.get(state, 0) + count
        self.metrics.documents(states)
        self.metrics.progress(self.progress.marks(), self.clock.elapsed())
        parked = parked_providers(self)
        for name in self.context.services:
            self.metrics.parked(name, parked[name].since if name in parked else None)
        self.inboxes.measure(self.metrics, oldest)

    def _read_for_metrics(self) -> tuple[dict[str, dict[str, int]], dict[str, Oldest]]:
        with LedgerReader(self.config.state) as ledger:
            return ledger.counts(), ledger.oldest_open()
