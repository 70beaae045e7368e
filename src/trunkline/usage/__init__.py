"""Usage: mediation. Network records become usage, are charged once, and keep their answer.

Files of records are taken in (`import_cdr_file`), checked line by line and de-duplicated for
ever by (source, record id); what is new goes to charging in batches, durably, and what comes
back (a charge, or why there is none) stands with the record, where an operator sees it and can
send it again. What usage costs is rating's to say, what an account owes charging's and
billing's: the figures here are what charging answered.
"""

from trunkline.usage.exposure import (
    CHARACTERISTICS,
    DELAYS,
    Band,
    Bar,
    BarState,
    Cause,
    Exposure,
    NothingRefused,
    UnknownBar,
    Waived,
    bars,
    bars_of,
    exposed,
    exposed_by_delay,
    latest_exposures,
    measure_exposure,
    retry_bar,
    waived,
    waived_lately,
)
from trunkline.usage.exposure import REACTIONS as EXPOSURE
from trunkline.usage.jobs import import_cdr_file, retry_rejected
from trunkline.usage.model import (
    FileOfOtherSource,
    ImportReport,
    MissingFiles,
    RejectedLine,
    SerialKnown,
    UnknownUsage,
    UnreadableFile,
    Usage,
    UsageId,
    UsageRecord,
    UsageState,
)
from trunkline.usage.operations import describe_usage, forget_usage, retry_usage, take_usage
from trunkline.usage.queries import (
    USAGES,
    missing_files,
    rejected_lines,
    rejected_usages,
    rejection_counts,
    some_usages,
    usage,
    usage_counts,
    usage_files,
    usages,
    usages_of,
)
from trunkline.usage.records import record_of
from trunkline.usage.specifications import USAGE_SPECIFICATIONS

__all__ = [
    "CHARACTERISTICS",
    "DELAYS",
    "EXPOSURE",
    "USAGES",
    "USAGE_SPECIFICATIONS",
    "Band",
    "Bar",
    "BarState",
    "Cause",
    "Exposure",
    "FileOfOtherSource",
    "ImportReport",
    "MissingFiles",
    "NothingRefused",
    "RejectedLine",
    "SerialKnown",
    "UnknownBar",
    "UnknownUsage",
    "UnreadableFile",
    "Usage",
    "UsageId",
    "UsageRecord",
    "UsageState",
    "Waived",
    "bars",
    "bars_of",
    "describe_usage",
    "exposed",
    "exposed_by_delay",
    "forget_usage",
    "import_cdr_file",
    "latest_exposures",
    "measure_exposure",
    "missing_files",
    "record_of",
    "rejected_lines",
    "rejected_usages",
    "rejection_counts",
    "retry_bar",
    "retry_rejected",
    "retry_usage",
    "some_usages",
    "take_usage",
    "usage",
    "usage_counts",
    "usage_files",
    "usages",
    "usages_of",
    "waived",
    "waived_lately",
]
