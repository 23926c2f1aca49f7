if not seen() then
  return { status = "Progressing", message = "the operator has not looked at it yet" }
end
local stalled = find("Stalled")
if stalled ~= nil then
  return { status = "Degraded", message = stalled.reason .. ": " .. stalled.message }
end
-- Healthy, not Suspended: Argo CD would wait for it in the middle of a sync (as with its own check of CronJobs).
if find("Suspended") ~= nil then
  return { status = "Healthy", message = "suspended: no run is started on ticks" }
end
if find("Ready") ~= nil then
  local failed = find("Failed")
  -- How a backup ended is no matter of whether what is in Git was applied: alerts tell of it.
  return { status = "Healthy", message = failed ~= nil and "the last run failed: " .. failed.message or "the schedule is valid" }
end
return { status = "Progressing", message = "it is not ready yet" }
