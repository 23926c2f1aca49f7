if not seen() then
  return { status = "Progressing", message = "the operator has not looked at it yet" }
end
local reconciling = find("Reconciling")
if reconciling ~= nil then
  return { status = "Progressing", message = reconciling.message }
end
-- Failed: of runs that ended under an operator without Stalled.
local stalled = find("Stalled") or find("Failed")
if stalled ~= nil then
  return { status = "Degraded", message = stalled.reason .. ": " .. stalled.message }
end
local ready = find("Ready")
if ready ~= nil then
  return { status = "Healthy", message = ready.message }
end
return { status = "Progressing", message = "it is not ready yet" }
