-- Health of a BackupStorage for Argo CD: resource.customizations.health.backup-operator.io_BackupStorage of argocd-cm.
local function find(type)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, condition in ipairs(obj.status.conditions) do
      if condition.type == type and condition.status == "True" then
        return condition
      end
    end
  end
end

local function seen()
  return obj.status ~= nil and (obj.status.observedGeneration == nil or obj.status.observedGeneration == obj.metadata.generation)
end

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
