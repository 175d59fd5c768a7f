"""The command line: `hf-relation`, one file per command, each a thin shell on a public function."""
