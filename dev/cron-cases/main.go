package main
import _ "github.com/robfig/cron/v3"
func main(){}
