"""The report of a discovery: one HTML file to look at in any browser."""

from hf_relation.discovery.report.writing import check_report, write_report


__all__ = ["check_report", "write_report"]
