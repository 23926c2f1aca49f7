if not seen() then
  return { status = "Progressing", message = "the store is being probed" }
end
local stalled = find("Stalled")
if stalled ~= nil then
  return { status = "Degraded", message = stalled.reason .. ": " .. stalled.message }
end
local ready = find("Ready")
if ready ~= nil then
  return { status = "Healthy", message = ready.message }
end
local reconciling = find("Reconciling")
return { status = "Progressing", message = reconciling ~= nil and reconciling.message or "it is not ready yet" }
