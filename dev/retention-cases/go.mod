module retention-cases

go 1.25.0

require github.com/restic/restic v0.18.1
