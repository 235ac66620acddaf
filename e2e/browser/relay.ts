import { connect, createServer } from 'node:net'

// Inside the browser's own network: hands each connection to the socket that its test listens on. See apart.sh.

/** Where the browser finds it, in a network where nothing else is. */
const port = 1080
const [path = ''] = process.argv.slice(2)

// Held as long as the test wants a browser; when it, or the test's process, is gone, so is this one.
const held = connect(path)
for (const over of ['close', 'error'] as const) held.on(over, () => process.exit())

createServer({ allowHalfOpen: true }, (socket) => {
  const onward = connect({ path, allowHalfOpen: true })
  socket.on('error', () => onward.destroy())
  onward.on('error', () => socket.destroy())
  socket.pipe(onward)
  onward.pipe(socket)
}).listen(port, '127.0.0.1', () => process.stdout.write('ready\n'))
