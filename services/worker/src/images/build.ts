import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { contentHash, type ImageFile, inOrder } from './content.ts'

/** `reference` names the content (`nora/<name>:<hash16>`), `id` is the engine's. */
export type AssembledImage = { reference: string; id: string }
export type Recipe = { name: string; files: ImageFile[]; dockerfile: string }

const CONTENT_LABEL = 'com.nora.content'
const BUILD_DEADLINE_MS = 300_000

/**
 * The image of exactly this content. One that the engine holds already is not built again: that takes one inspect. Needs
 * no registry: a recipe begins with `FROM scratch` or with an image made here.
 */
export async function assemble(docker: Docker, recipe: Recipe, signal: AbortSignal): Promise<AssembledImage> {
  const hash = await contentHash(recipe.files, recipe.dockerfile, signal)
  const reference = `nora/${recipe.name}:${hash.slice(0, 16)}`
  const present = await findAssembled(docker, reference, hash, signal)
  if (present) return { reference, id: present }
  await build(
    docker,
    { ...recipe, dockerfile: `${recipe.dockerfile}LABEL ${CONTENT_LABEL}=${hash}\n` },
    reference,
    signal,
  )
  const built = await findAssembled(docker, reference, hash, signal)
  if (!built) throw new Error(`the engine built ${reference} and does not hold it`)
  return { reference, id: built }
}

async function findAssembled(docker: Docker, reference: string, hash: string, signal: AbortSignal) {
  try {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(30_000)])
    // The types do not know that every call of dockerode takes a signal.
    const options = { abortSignal: bounded } as Docker.ImageInspectOptions
    const found = await docker.getImage(reference).inspect(options)
    return found.Config.Labels?.[CONTENT_LABEL] === hash ? found.Id : undefined
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined
    throw error
  }
}

async function build(docker: Docker, { files, dockerfile }: Recipe, reference: string, signal: AbortSignal) {
  const failed = new AbortController()
  const bounded = AbortSignal.any([signal, failed.signal, AbortSignal.timeout(BUILD_DEADLINE_MS)])
  const context = tar.pack()
  const packing = pack(context, files, dockerfile, bounded).catch((error: Error) => {
    failed.abort(error)
    context.destroy(error)
    throw error
  })
  packing.catch(() => {}) // awaited below, after the engine's own words
  const output = await docker.buildImage(context as unknown as NodeJS.ReadableStream, {
    t: reference,
    networkmode: 'none',
    forcerm: true,
    abortSignal: bounded,
  })
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(output, (error, events: { error?: string }[]) => {
      const said = events?.find((event) => event.error)?.error
      if (error || said) reject(new Error(`building ${reference} failed: ${said ?? error?.message}`))
      else resolve()
    })
  })
  await packing
}

/** Streams the context: `root/` (and `own/`, whose files belong to the agent's user) is copied to `/` with the modes and links as they are given here. */
async function pack(
  context: tar.Pack,
  files: ImageFile[],
  dockerfile: string,
  signal: AbortSignal,
): Promise<void> {
  const plain = { uid: 0, gid: 0, mtime: new Date(0) }
  context.entry({ ...plain, name: 'Dockerfile' }, dockerfile)
  for (const file of inOrder(files)) {
    signal.throwIfAborted()
    const header = { ...plain, name: `${'owned' in file ? 'own' : 'root'}${file.path}`, mode: file.mode }
    if ('link' in file) context.entry({ ...header, type: 'symlink', linkname: file.link })
    else if ('folder' in file) context.entry({ ...header, type: 'directory' })
    else if ('text' in file) context.entry(header, file.text)
    else {
      const { size } = await stat(file.source)
      await pipeline(createReadStream(file.source), context.entry({ ...header, size }), { signal })
    }
  }
  context.finalize()
}
