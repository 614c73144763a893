"""A case's route and contacts as files: for Go.Data, for SORMAS, for a spreadsheet and for a map."""
