import type { Scanner } from './rules.ts'
import type { Syntax } from './syntax.ts'
import { END } from './tokens.ts'

/**
 * Reads on to the end of a CREATE, through the body it may have: the semicolons between BEGIN and END do not end it. In
 * MySQL, where blocks end in many ways, the body takes the rest of the text.
 */
export function finishCreate(scanner: Scanner, bodies: Syntax['bodies']): void {
  while (scanner.token !== END) {
    scanner.next()
    if (scanner.depth > 0 || !scanner.is('begin')) continue
    if (bodies === 'begin atomic' && !scanner.accept('atomic')) continue
    readBlock(scanner, bodies === 'rest')
  }
}

function readBlock(scanner: Scanner, toTheEnd: boolean): void {
  let open = 1
  while (open > 0) {
    if (scanner.next() === END) {
      if (!scanner.resume()) return
    } else if (scanner.is('begin') || scanner.is('case')) open++
    else if (scanner.is('end') && !toTheEnd) open--
  }
}
