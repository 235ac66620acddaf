import type Docker from 'dockerode'
import { BackendError, type Target } from '../backend.ts'
import { dial, type Engine, pause } from './engine.ts'
import { engineStatus, engineWords, toBackendError } from './errors.ts'
import { type PullProgress, pullProgress } from './pull-progress.ts'

export type LocalImage = { id: string; volumes: string[]; labels: Record<string, string> }

/** What the engine holds under a reference, or undefined. */
export async function findImage(
  engine: Engine,
  reference: string,
  signal: AbortSignal,
): Promise<LocalImage | undefined> {
  const found = await engine.call(
    `looking for image ${reference}`,
    signal,
    (abortSignal) =>
      dial<Docker.ImageInspectInfo>(engine, { path: `/images/${encodeURI(reference)}/json` }, abortSignal),
    { ignore: [400, 404] },
  )
  if (!found) return undefined
  return {
    id: found.Id,
    volumes: Object.keys(found.Config?.Volumes ?? {}),
    labels: found.Config?.Labels ?? {},
  }
}

/** What the engine holds under the target's reference. Throws `image-not-found`, to be tried again where it may be pulled. */
export async function requireImage(engine: Engine, target: Target, signal: AbortSignal): Promise<LocalImage> {
  const image = await findImage(engine, target.image.reference, signal)
  if (!image) {
    const message = `Image ${target.image.reference} is not on this engine.`
    throw new BackendError('image-not-found', message, { retry: target.image.pull })
  }
  return image
}

/** Names of the images that are made on this machine: a registry that had one could put its own in the place of the next one of ours. */
const madeHere = /^((index\.)?docker\.io\/)?(nora\/|(library\/)?nora-[a-z]+(:|@|$))/

const pullDeadlineMs = 15 * 60_000
const pullSilenceMs = 120_000

/**
 * Makes sure that the engine holds the image: present is enough, else it is pulled where the target says so.
 * `image-not-found` (do not retry): nobody has it, or not for us. `image-pull-failed`: the registry did not answer,
 * or the transfer broke. Both carry the engine's words. Bounded by 15 min in all and 2 min without progress.
 */
export async function ensureImage(
  engine: Engine,
  target: Target,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<void> {
  const { reference, pull } = target.image
  if (await findImage(engine, reference, signal)) return
  if (!pull || madeHere.test(reference)) {
    const message = `Image ${reference} is not on this engine and comes from no registry: run ./setup.sh again, which builds it.`
    throw new BackendError('image-not-found', message, { retry: false })
  }
  await pullImage(engine, reference, signal, onProgress)
}

async function pullImage(
  engine: Engine,
  reference: string,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), pullSilenceMs)
  const bounded = AbortSignal.any([signal, silence.signal, AbortSignal.timeout(pullDeadlineMs)])
  onProgress(`pulling ${reference}`)
  try {
    const stream = await engine.docker.createImage({
      fromImage: withTag(reference),
      abortSignal: bounded,
    })
    const progress = pullProgress(reference)
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bounded.throwIfAborted()
      timer.refresh()
      report(progress, chunk, onProgress)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof BackendError) throw error
    if (bounded.aborted) throw tooSlow(reference, silence.signal.aborted)
    throw pullError(error, reference)
  } finally {
    clearTimeout(timer)
  }
  // A just pulled image may need a moment to be listed.
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await findImage(engine, reference, signal)) return
    await pause(100, signal)
  }
  const message = `Image ${reference} was pulled, yet the engine does not have it.`
  throw new BackendError('image-pull-failed', message, { retry: true })
}

function report(progress: PullProgress, chunk: Buffer, onProgress: (text: string) => void): void {
  for (const event of progress.read(chunk)) {
    if ('error' in event) throw pullError(new Error(event.error), progress.reference)
    onProgress(event.text)
  }
}

function tooSlow(reference: string, silent: boolean): BackendError {
  const after = silent ? `${pullSilenceMs / 1000} s without progress` : `${pullDeadlineMs / 60_000} minutes`
  return new BackendError('image-pull-failed', `Pulling ${reference} was given up after ${after}.`, {
    retry: true,
  })
}

// Registries differ; "denied" is what they answer for a repository that does not exist as for a private one.
const nobodyHasIt =
  /manifest.*(unknown|not found)|not found|does not exist|no such image|invalid reference|pull access denied/i
const refusedForGood = /unauthorized|authentication required|no matching manifest|forbidden|denied/i

function pullError(error: unknown, reference: string): BackendError {
  const status = engineStatus(error)
  const words = engineWords(error)
  if (status === undefined && (error as { code?: string }).code !== undefined) {
    return toBackendError(error, `pulling ${reference}`)
  }
  if (isUnreachable(words)) {
    const message = `The registry of ${reference} does not answer: ${words}`
    return new BackendError('image-pull-failed', message, { retry: true, cause: error })
  }
  if (status === 400 || nobodyHasIt.test(words)) {
    return new BackendError('image-not-found', `Image not found: ${reference} (${words})`, {
      retry: false,
      cause: error,
    })
  }
  return new BackendError('image-pull-failed', `Pulling ${reference} failed: ${words}`, {
    retry: !refusedForGood.test(words),
    cause: error,
  })
}

// Before the words for "not found": a failing look-up of the registry's name also says "no such host".
const isUnreachable = (words: string) =>
  /dial tcp|no such host|i\/o timeout|connection re(fused|set)|network is unreachable|TLS handshake|proxyconnect|x509/i.test(
    words,
  )

/** The engine pulls every tag of a reference without one; ours mean `latest`, as the command line's do. */
export function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf('/') + 1)
  return last.includes(':') || last.includes('@') ? reference : `${reference}:latest`
}
