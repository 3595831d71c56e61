import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, cutToColumns, printable } from '../../cli/display-text.js';

test('columns are counted as a terminal counts them', () => {
  const widths: readonly (readonly [string, number])[] = [
    ['eth0', 4],
    ['déjà', 4],
    ['de\u0301ja\u0300', 4],
    ['网络0', 5],
    ['네트워크', 8],
    ['ｅｔｈ', 6],
    ['🦀', 2],
    ['𠀀', 2],
    ['…', 1],
    ['❤\ufe0f', 2],
  ];
  for (const [text, width] of widths) assert.equal(columnsOf(text), width, text);
});

test('a text is cut between characters, never in the middle of one', () => {
  assert.equal(cutToColumns('网络0', 3), '网');
  assert.equal(cutToColumns('网络0', 4), '网络');
  assert.equal(cutToColumns('🦀🦀', 1), '');
  assert.equal(cutToColumns('de\u0301ja', 2), 'de\u0301');
  assert.equal(cutToColumns('eth0', 80), 'eth0');
});

test('nothing that moves the cursor or turns the text is printable', () => {
  assert.equal(printable('a\u001b[2J\u009b1m\u202eb\u2028c\td'), 'a?[2J?1m?b?c?d');
});
