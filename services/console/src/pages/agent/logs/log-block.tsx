import { memo } from 'react'
import { type LogBlock, type LogRow, mostShown } from './log-buffer.ts'
import { gapWords, lineTime, piecesOf } from './log-text.ts'
import classes from './logs.module.css'

export type RowLook = {
  times: boolean
  query: string
  /** A line that somebody was led to. */
  here?: number | undefined
}

/** Rows that are drawn together. A full block is drawn once, however long the log goes on. */
export const Block = memo(function Block({ block, look }: { block: LogBlock; look: RowLook }) {
  return (
    <div className={classes['block']} data-block={block.id}>
      {block.rows.map((row, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a block only grows at its end
        <Row key={at} row={row} look={look} />
      ))}
    </div>
  )
})

/** One row: when, from which stream (as a word, not as a colour alone), and what. */
export function Row({ row, look, onSee }: { row: LogRow; look: RowLook; onSee?: (seq: number) => void }) {
  if (row.kind === 'note') return <div className={classes['said']}>— {row.text}</div>
  if (row.kind === 'gap')
    return <div className={`${classes['said']} ${classes['gap']}`}>… {gapWords(row)}</div>
  const { seq, ts, stream } = row
  return (
    <div
      className={`${classes['row']} ${stream === 'stderr' ? classes['err'] : ''}`}
      data-seq={seq}
      {...(look.here === seq && { 'data-here': true, 'aria-current': true })}
    >
      {onSee && (
        <button
          type="button"
          className={classes['seeRow']}
          aria-label={`Show the lines around line ${seq}`}
          onClick={() => onSee(seq)}
        >
          around
        </button>
      )}
      {look.times && (
        <time className={classes['time']} dateTime={ts} title={ts}>
          {lineTime(ts)}
        </time>
      )}
      <span className={classes['stream']} title={stream === 'stderr' ? 'standard error' : 'standard output'}>
        {stream === 'stderr' ? 'err' : 'out'}
      </span>
      <span className={classes['text']}>
        <Text text={row.text} query={look.query} />
      </span>
    </div>
  )
}

function Text({ text, query }: { text: string; query: string }) {
  const cut = text.length > mostShown
  const shown = cut ? text.slice(0, mostShown) : text
  const rest = cut
    ? ` … ${(text.length - mostShown).toLocaleString('en')} more characters; copy has them`
    : ''
  if (query === '') return <>{shown + rest}</>
  return (
    <>
      {piecesOf(shown, query).map(({ text: piece, found }, at) =>
        found ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces have a place and nothing else
          <mark key={at} className={classes['found']}>
            {piece}
          </mark>
        ) : (
          piece
        ),
      )}
      {rest}
    </>
  )
}
