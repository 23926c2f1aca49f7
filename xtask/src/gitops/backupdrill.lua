if not seen() then
  return { status = "Progressing", message = "the operator has not looked at it yet" }
end
local stalled = find("Stalled")
if stalled ~= nil then
  return { status = "Degraded", message = stalled.reason .. ": " .. stalled.message }
end
-- Healthy, not Suspended: Argo CD would wait for it in the middle of a sync (as with its own check of CronJobs).
if find("Suspended") ~= nil then
  return { status = "Healthy", message = "suspended: no drill is started on ticks" }
end
-- That there is nothing to prove yet, and how a drill ended, is no matter of whether what is in Git was applied: alerts tell of it.
local waits = find("Reconciling")
if waits ~= nil then
  return { status = "Healthy", message = waits.message }
end
if find("Ready") ~= nil then
  local failed = find("Failed")
  return { status = "Healthy", message = failed ~= nil and "the last drill failed: " .. failed.message or "the drill is valid" }
end
return { status = "Progressing", message = "it is not ready yet" }
