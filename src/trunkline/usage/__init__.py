"""Usage: mediation. Network records become usage, are charged once, and keep their answer.

Files of records are taken in (`import_cdr_file`), checked line by line and de-duplicated for
ever by (source, record id); what is new goes to charging in batches, durably, and what comes
back (a charge, or why there is none) stands with the record, where an operator sees it and can
send it again. What usage costs is rating's to say, what an account owes charging's and
billing's: the figures here are what charging answered.
"""

from trunkline.usage.jobs import import_cdr_file, retry_rejected
from trunkline.usage.model import (
    FileOfOtherSource,
    ImportReport,
    RejectedLine,
    UnknownUsage,
    UnreadableFile,
    Usage,
    UsageBatchId,
    UsageFile,
    UsageId,
    UsageRecord,
    UsageState,
)
from trunkline.usage.operations import retry_usage
from trunkline.usage.queries import (
    rejected_lines,
    rejected_usages,
    rejection_counts,
    usage,
    usage_counts,
    usage_files,
    usages,
    usages_of,
)

__all__ = [
    "FileOfOtherSource",
    "ImportReport",
    "RejectedLine",
    "UnknownUsage",
    "UnreadableFile",
    "Usage",
    "UsageBatchId",
    "UsageFile",
    "UsageId",
    "UsageRecord",
    "UsageState",
    "import_cdr_file",
    "rejected_lines",
    "rejected_usages",
    "rejection_counts",
    "retry_rejected",
    "retry_usage",
    "usage",
    "usage_counts",
    "usage_files",
    "usages",
    "usages_of",
]
