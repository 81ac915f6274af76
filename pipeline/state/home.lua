-- Put after marker.lua in the scripts of a partition's own memory.
--
-- KEYS[2]  {gXX}:journal:<incarnation>/<partition>, a hash:
--            number, bounds, facts          set by begin
--            record, encoder                set by fill
-- The marker's number is that of the last filled batch.

-- journal reads what stands.
local function journal()
  return call('HMGET', KEYS[2], 'number', 'bounds', 'facts', 'record', 'encoder')
end

-- stands answers with the journal as it is.
local function stands(standing, outcome)
  return {outcome, standing[1], standing[2], standing[3], standing[4], standing[5]}
end

-- astray refuses a journal that does not belong to the marker: it holds the
-- last filled batch, or the begin record of the next.
local function astray(last, standing)
  local number = tonumber(standing[1] or '0')
  local filled = number == last.number and (number == 0 or standing[4])
  local begun = number == last.number + 1 and not standing[4]
  if not filled and not begun then
    return {'LOST', 'journal', standing[1] or ''}
  end
end

-- home checks fence and order for the partition's own group: refusal, or else
-- the marker's record and the journal. Unlike a visit, it needs the very fence
-- that the takeover left.
local function home()
  local refusal, last = recorded()
  if refusal then return refusal end
  refusal = fenced(last)
  if refusal then return refusal end
  if not last.known or tonumber(ARGV[3]) ~= last.era or tonumber(ARGV[4]) ~= last.generation then
    return {'LOST', 'takeover', last.eraText .. ':' .. last.generationText}
  end
  local standing = journal()
  refusal = ordered(last)
  if refusal then return refusal end
  refusal = astray(last, standing)
  if refusal then return refusal end
  return nil, last, standing
end
