-- Sends the credentials of a file in turn, or each once; prints what came of it on a line of its own.

local heads = {}
local last = 0

function init(arguments)
  for credential in io.lines(arguments[1]) do
    wrk.headers["authorization"] = credential
    heads[#heads + 1] = wrk.format()
  end
  local once = arguments[2] == "once"
  -- Without this function, wrk sends the last of them again and again, and is faster.
  if #heads > 1 then
    request = function()
      last = last + 1
      if last > #heads then
        if once then wrk.thread:stop() end
        last = 1
      end
      return heads[last]
    end
  end
end

function done(summary)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("answered %d refused %d broken %d\n", summary.requests, summary.errors.status, broken))
end
