module stream

go 1.25.0
