import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

// Stands for an engine that has thousands of containers, in a process of its own: it answers a listing with the text it was given, on
// a unix socket, and says at /calls how often it was asked for anything.

const { SOCKET: socket, LISTING: file } = process.env
if (!socket || !file) throw new Error('SOCKET and LISTING are not set')
const listing = readFileSync(file)
let calls = 0
createServer((request, response) => {
  const counted = request.url === '/calls'
  if (!counted) calls++
  response.setHeader('content-type', 'application/json')
  response.end(counted ? String(calls) : listing)
}).listen(socket)
