"""Logs and metrics: one JSON line for each message, and EMF metrics for each batch.

AWS Lambda Powertools writes both to standard output, from where CloudWatch takes them (the
metrics need no call).  Off Lambda they are lines to read or to pipe.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from gallery.batch import Done, Failed, Report, Retry
from gallery.queue import Message
from gallery.redaction import redact_text

_LIMIT = 2000
_BODY = 64 * 1024
"""Bytes of a body that are logged: all of it, for what S3 sends.  CloudWatch takes lines of up to
256 KB, and JSON may need several bytes for one."""


class Telemetry:
    """One service's logger and metrics (``POWERTOOLS_METRICS_NAMESPACE``, by default
    ``Safelight``)."""

    def __init__(self, service: str, namespace: str = "Safelight") -> None:
        self.logger = Logger(service=service, utc=True, use_rfc3339=True)
        # JSON escapes every control character: a file's name cannot forge a line.
        self._metrics = Metrics(namespace=namespace, service=service)

    def message(self, report: Report) -> None:
        """Log what became of one message: at level INFO if it is done or comes back as
        planned, ERROR if it goes the way of the dead-letter queue.

        With an error goes what was received, redacted: ``safelight record --from-logs`` makes
        a fixture of it.  ``body_bytes`` is there if the body was too long to be logged whole.
        """
        fields = {
            "message_id": report.message.id,
            "receives": report.message.receives,
            "tasks": [
                {"name": name, "outcome": type(outcome).__name__.lower(), "why": _why(outcome)}
                for name, outcome in report.tasks
            ],
        }
        if report.notes:
            fields["notes"] = list(report.notes)
        if isinstance(report.outcome, Failed):
            fields |= _received(report.message)
            self.logger.error(f"failed: {_why(report.outcome)}", extra=fields)
        elif isinstance(report.outcome, Retry):
            fields["after"] = report.outcome.after
            self.logger.info(f"later: {_why(report.outcome)}", extra=fields)
        else:
            self.logger.info(f"done: {_why(report.outcome)}", extra=fields)

    def batch(self, reports: Sequence[Report], seconds: float) -> None:
        """Write a batch's metrics: messages done, retried and failed; its duration."""
        kinds = [type(report.outcome) for report in reports]
        for name, kind in (("Done", Done), ("Retried", Retry), ("Failed", Failed)):
            self._metrics.add_metric(name, MetricUnit.Count, kinds.count(kind))
        self._metrics.add_metric("BatchSeconds", MetricUnit.Seconds, seconds)
        self._metrics.flush_metrics()


def _received(message: Message) -> dict[str, object]:
    # Redacted whole, and cut then: half a field is not recognised.
    raw = redact_text(message.body).encode("utf-8", "surrogatepass")
    found: dict[str, object] = {"body": raw[:_BODY].decode("utf-8", "ignore")}
    if len(raw) > _BODY:
        found["body_bytes"] = len(raw)
    if message.sent is not None:
        found["sent"] = message.sent.isoformat(timespec="milliseconds")
    return found


def _why(outcome: Done | Retry | Failed) -> str:
    text = outcome.what if isinstance(outcome, Done) else outcome.why
    return text[:_LIMIT]
