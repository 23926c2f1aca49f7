-- Health of a BackupRun for Argo CD: resource.customizations.health.backup-operator.io_BackupRun of argocd-cm.
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
