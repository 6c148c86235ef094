"""What makes each alert fire, and what does not: cases that promtool plays against the rendered rules."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from estate.models.stack import Stack

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series a minute apart (promtool's notation) that must, or must not, have the alert firing at `at`."""

    alert: str
    service: str
    severity: str
    series: Series
    fires: bool
    at: str = "30m"


@dataclass(frozen=True)
class Pair:
    """The same alert with series that are bad and series that are good."""

    alert: str
    service: str
    severity: str
    bad: Series
    good: Series
    at: str = "30m"
    also: tuple[tuple[Series, bool], ...] = field(default=())

    def cases(self) -> Iterator[Case]:
        """One case for each set of series."""
        for series, fires in ((self.bad, True), (self.good, False), *self.also):
            yield Case(self.alert, self.service, self.severity, series, fires, self.at)


DISK = '{job="node-exporter",instance="host",device="/dev/sda1",fstype="ext4",mountpoint="/"}'
NODE = '{job="node-exporter",instance="host"}'


def _disk(available: str, name: str = "avail_bytes", whole: str = "size_bytes") -> Series:
    return {
        f"node_filesystem_{name}{DISK}": available,
        f"node_filesystem_{whole}{DISK}": "100x600",
        f"node_filesystem_readonly{DISK}": "0x600",
    }


def _node(**series: str) -> Series:
    return {f"node_{name}{NODE}": values for name, values in series.items()}


def _load(value: int) -> Series:
    cpus = {
        f'node_cpu_seconds_total{{job="node-exporter",instance="host",cpu="{n}",mode="idle"}}': "1x60" for n in "01"
    }
    return _node(load15=f"{value}x60") | cpus


def host_pairs() -> Iterator[Pair]:
    """The alerts of the host itself."""
    yield Pair("HostDiskFull", "host", "warning", _disk("10x60"), _disk("50x60"))
    yield Pair("HostDiskFull", "host", "critical", _disk("3x60"), _disk("10x60"))
    yield Pair("HostDiskFillsUp", "host", "warning", _disk("40-0.3x100"), _disk("30x100"), at="90m")
    yield Pair(
        "HostInodesLow",
        "host",
        "warning",
        _disk("5x60", "files_free", "files"),
        _disk("50x60", "files_free", "files"),
    )
    memory = {"memory_MemTotal_bytes": "100x60"}
    yield Pair(
        "HostMemoryLow",
        "host",
        "warning",
        _node(memory_MemAvailable_bytes="5x60", **memory),
        _node(memory_MemAvailable_bytes="40x60", **memory),
    )
    yield Pair(
        "HostMemoryPressure",
        "host",
        "warning",
        _node(pressure_memory_waiting_seconds_total="0+30x60"),
        _node(pressure_memory_waiting_seconds_total="0+1x60"),
    )
    yield Pair(
        "HostOutOfMemoryKill", "host", "warning", _node(vmstat_oom_kill="0x25 1x30"), _node(vmstat_oom_kill="3x60")
    )
    yield Pair("HostLoadHigh", "host", "warning", _load(4), _load(2))
    yield Pair(
        "HostClockSkewed",
        "host",
        "warning",
        _node(timex_offset_seconds="-0.2x60"),
        _node(timex_offset_seconds="0.001x60"),
    )
    yield Pair(
        "HostClockUnsynchronised",
        "host",
        "warning",
        _node(timex_sync_status="0x60", timex_maxerror_seconds="16x60"),
        _node(timex_sync_status="1x60", timex_maxerror_seconds="0.1x60"),
    )
    yield Pair(
        "HostRebooted",
        "host",
        "warning",
        _node(time_seconds="9000+60x60", boot_time_seconds="10500x60"),
        _node(time_seconds="9000+60x60", boot_time_seconds="1000x60"),
    )


def systemd_pair() -> Pair:
    """The alert that exists only when the node exporter is told to watch systemd."""
    unit = 'node_systemd_unit_state{job="node-exporter",instance="host",name="ssh.service",state="failed"}'
    return Pair("SystemdUnitFailed", "host", "warning", {unit: "1x60"}, {unit: "0x60"})


def target_pairs(stack: Stack) -> Iterator[Pair]:
    """The alerts about scrape targets, for each service that declares metrics."""
    yield Pair("NothingScraped", "prometheus", "critical", {"unrelated": "1x60"}, {'up{job="any"}': "0x60"})
    for service in stack.services:
        if service.metrics:
            severity = "critical" if service.routes or service.published else "warning"
            up = f'up{{job="{service.name}",instance="{service.name}:1"}}'
            gone = {'up{job="another"}': "1x60"}
            yield Pair("TargetDown", service.name, severity, {up: "0x60"}, {up: "1x60"}, also=((gone, True),))


def container_pairs(stack: Stack) -> Iterator[Pair]:
    """The alerts about containers, for each that is declared."""
    watching = {'up{job="cadvisor",instance="cadvisor:8085"}': "1x60"}
    blind = {'up{job="cadvisor",instance="cadvisor:8085"}': "0x60"}
    for service in stack.containers:
        labels = f'{{job="cadvisor",id="/docker/1",name="{service.name}"}}'
        seen = f"container_last_seen{labels}"
        yield Pair(
            "ContainerMissing",
            service.name,
            "critical",
            watching,
            watching | {seen: "0+60x60"},
            also=((watching | {seen: "600x60"}, True), (blind, False)),
        )
        if service.limits:
            memory = f"container_memory_working_set_bytes{labels}"
            near, over, fine = (int(service.limits.memory * share) for share in (0.93, 0.99, 0.8))
            yield Pair("ContainerMemoryHigh", service.name, "warning", {memory: f"{near}x60"}, {memory: f"{fine}x60"})
            yield Pair("ContainerMemoryHigh", service.name, "critical", {memory: f"{over}x60"}, {memory: f"{near}x60"})
        started = f"container_start_time_seconds{labels}"
        yield Pair(
            "ContainerRestarting",
            service.name,
            "warning",
            {started: "100x20 200x2 300x2 400x30"},
            {started: "100x20 200x40"},
        )


def own_pairs(stack: Stack) -> Iterator[Pair]:
    """The alerts about the monitoring itself, for what of it is in the stack."""
    for name, alert, metric in (
        ("prometheus", "PrometheusConfigReloadFailed", "prometheus_config_last_reload_successful"),
        ("alertmanager", "AlertmanagerConfigReloadFailed", "alertmanager_config_last_reload_successful"),
        ("caddy", "CaddyConfigReloadFailed", "caddy_config_last_reload_successful"),
    ):
        if name in stack:
            series = f'{metric}{{job="{name}"}}'
            yield Pair(alert, name, "critical", {series: "0x60"}, {series: "1x60"})
    upstream = 'caddy_reverse_proxy_upstreams_healthy{job="caddy",upstream="grafana:3000"}'
    rising = (
        ("prometheus", "PrometheusRuleFailing", "warning", "prometheus_rule_evaluation_failures_total"),
        ("alertmanager", "PrometheusAlertsDropped", "critical", "prometheus_notifications_dropped_total"),
        ("alertmanager", "AlertmanagerNotificationsFailing", "critical", "alertmanager_notifications_failed_total"),
        ("loki", "LokiDiscardsLines", "warning", "loki_discarded_samples_total"),
        ("alloy", "LogShipperDropsLines", "warning", "loki_write_dropped_entries_total"),
        ("promtail", "LogShipperDropsLines", "warning", "promtail_dropped_entries_total"),
    )
    if "caddy" in stack:
        yield Pair("CaddyUpstreamDown", "caddy", "warning", {upstream: "0x60"}, {upstream: "1x60"})
    for source, alert, severity, metric in rising:
        if source in stack:
            about = "prometheus" if alert.startswith("Prometheus") else source
            series = f'{metric}{{job="{about}"}}'
            yield Pair(alert, about, severity, {series: "0+1x60"}, {series: "7x60"})
    if "loki" in stack:
        push = 'loki_request_duration_seconds_count{{job="loki",route="loki_api_v1_push",status_code="{}"}}'
        bad, good = push.format(500), push.format(204)
        yield Pair("LokiPushFailing", "loki", "critical", {bad: "0+1x60"}, {good: "0+9x60"})
    for shipper, metric in (("alloy", "loki_write_sent_entries_total"), ("promtail", "promtail_sent_entries_total")):
        if shipper in stack:
            series = f'{metric}{{job="{shipper}"}}'
            yield Pair("LogShipperSilent", shipper, "warning", {series: "5x90"}, {series: "0+5x90"}, at="45m")


def _without(series: Series, word: str) -> Series:
    return {name: values for name, values in series.items() if word not in name}


_LONG_AGO = -800_000
"""Nine days before promtool's time begins: to let them pass would take it minutes."""


def backup_pairs() -> Iterator[Pair]:
    """The alerts of the backups, with the stores of tests/backup_settings.py; a number that is not there is too old."""
    success = 'estate_backup_last_success_timestamp_seconds{{job="node-exporter",kind="{}",store="{}"}}'
    weekly = {success.format("weekly", store): "0x120" for store in ("b2", "local", "nfs")}
    fresh = weekly | {success.format("daily", store): "0+60x120" for store in ("b2", "local")}
    late = fresh | {success.format("daily", "b2"): f"{_LONG_AGO}x120"}
    absent = _without(fresh, 'kind="weekly",store="nfs"')
    yield Pair("BackupMissing", "backups", "critical", late, fresh, at="90m", also=((absent, True),))
    result = 'estate_backup_last_result{job="node-exporter",kind="daily"}'
    yield Pair("BackupFailed", "backups", "critical", {result: "0x60"}, {result: "1x60"})
    suspect = 'estate_backup_suspect_sets{job="node-exporter",store="b2"}'
    yield Pair("BackupSuspect", "backups", "warning", {suspect: "1x60"}, {suspect: "0x60"})
    size = 'estate_backup_service_bytes{job="node-exporter",exported_service="redis"}'
    yield Pair("BackupShrunk", "backups", "warning", {size: "100x10 40x50"}, {size: "100x10 60x50"})
    ok = 'estate_backup_last_check_ok{job="node-exporter",store="b2"}'
    yield Pair("BackupCheckFailed", "backups", "critical", {ok: "0x60"}, {ok: "1x60"})
    when = 'estate_backup_last_check_timestamp_seconds{{job="node-exporter",store="{}"}}'
    read = {when.format(store): "0+60x120" for store in ("b2", "local", "nfs")}
    old = read | {when.format("local"): f"{_LONG_AGO}x120"}
    yield Pair("BackupCheckStale", "backups", "warning", old, read, at="90m", also=((_without(read, "nfs"), True),))
    proven = 'estate_backup_last_drill_ok{job="node-exporter"}'
    yield Pair("BackupDrillFailed", "backups", "critical", {proven: "0x60"}, {proven: "1x60"})
    drilled = 'estate_backup_last_drill_timestamp_seconds{job="node-exporter"}'
    never: Series = {"unrelated": "1x60"}
    stale, lately = {drilled: f"{_LONG_AGO}x120"}, {drilled: "0+60x120"}
    yield Pair("BackupDrillStale", "backups", "warning", stale, lately, at="90m", also=((never, True),))


def cases(stack: Stack) -> list[Case]:
    """Every case for the alerts that the stack has."""
    pairs = [*target_pairs(stack), *own_pairs(stack)]
    if "node-exporter" in stack:
        pairs += [*host_pairs(), *backup_pairs()]
        if "--collector.systemd" in stack.service("node-exporter").command:
            pairs.append(systemd_pair())
    if "cadvisor" in stack:
        pairs += container_pairs(stack)
    return [case for pair in pairs for case in pair.cases()]


def promtool_tests(cases: list[Case]) -> list[dict[str, Any]]:
    """The cases as promtool's own tests: the same case of every service shares one, which is much faster."""
    alike: dict[tuple[str, str, int], list[Case]] = {}
    seen: Counter[tuple[str, str, str]] = Counter()
    for case in cases:
        one = (case.alert, case.severity, case.service)
        alike.setdefault((case.alert, case.severity, seen[one]), []).append(case)
        seen[one] += 1
    return [_promtool_test(group) for group in alike.values()]


def _promtool_test(group: list[Case]) -> dict[str, Any]:
    series = {name: values for case in group for name, values in case.series.items()}
    return {
        "name": f"{group[0].alert} {group[0].severity}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [_expectation(case) for case in group],
    }


def _expectation(case: Case) -> dict[str, Any]:
    selector = f'alertname="{case.alert}",service="{case.service}",severity="{case.severity}",alertstate="firing"'
    return {
        "expr": f"count(ALERTS{{{selector}}})",
        "eval_time": case.at,
        "exp_samples": [{"labels": "{}", "value": 1}] if case.fires else [],
    }
