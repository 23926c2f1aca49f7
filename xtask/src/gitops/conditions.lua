-- What each check begins with: a condition that is True, and whether the operator has looked at the object as it is.
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

