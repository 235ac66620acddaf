import { openDocker } from '../backends/docker/open-docker.ts'
import { assembleImage, type OwnImage } from './assemble.ts'
import { givenBy } from './own-images.ts'

/**
 * Assembles our own images on the engine and prints their ids as one line of JSON, under the names of the variables that
 * tell a worker of them: for set-up, before a worker starts that may not build. `DOCKER_HOST` is unix:///path.
 */
const host = process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock'
const docker = openDocker(host.replace(/^unix:\/\//, ''))
const ids: Record<string, string> = {}
try {
  for (const name of Object.keys(givenBy) as OwnImage[]) {
    const { id } = await assembleImage(docker, name, AbortSignal.timeout(300_000))
    ids[givenBy[name]] = id
  }
  process.stdout.write(`${JSON.stringify(ids)}\n`)
} catch (error) {
  process.stderr.write(
    `the images could not be assembled: ${error instanceof Error ? error.message : error}\n`,
  )
  process.exitCode = 1
}
