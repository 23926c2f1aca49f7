package main
import _ "github.com/Masterminds/sprig/v3"
func main(){}
