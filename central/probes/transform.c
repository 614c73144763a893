/* The code transform of shared/codes.py, in integers: y = H·D₃·H·D₂·H·D₁·x, of which the bits y ≥ 0 are kept.

   Sixteen columns, each a block of a key, are turned side by side, one a lane of a vector, so that a butterfly is an
   addition and a subtraction whatever lies how far apart, and signs that are made once serve every row. Sums stay
   within 127·d², so 32 bits hold them up to d = 4,096 (see _carrier in shared/codes.py). */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Built once for every processor of its kind: which instructions there are is looked up when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

enum { ROUNDS = 3, LANES = 16, RADIX = 8 };
typedef int32_t lanes __attribute__((vector_size(4 * LANES)));

/* The Walsh–Hadamard transform of 2, 4 or 8 values that are held in registers. */
INLINE void butterflies(lanes *v, size_t count) {
    for (size_t h = 1; h < count; h *= 2)
        for (size_t i = 0; i < count; i++)
            if (!(i & h)) {
                lanes a = v[i], b = v[i + h];
                v[i] = a + b;
                v[i + h] = a - b;
            }
}

/* The stages h, 2h … of a transform of length d, as many as make up the radix, in one pass over the memory. */
INLINE void stages(lanes *y, size_t d, size_t h, size_t radix) {
    for (size_t base = 0; base < d; base += radix * h)
        for (size_t i = base; i < base + h; i++) {
            lanes v[RADIX];
            for (size_t k = 0; k < radix; k++) v[k] = y[i + k * h];
            butterflies(v, radix);
            for (size_t k = 0; k < radix; k++) y[i + k * h] = v[k];
        }
}

/* One round: y = H·D·x for a row x, or y = H·D·y without one. Signs are 0 or -1, and (v ^ -1) - (-1) is -v. */
INLINE void turn(lanes *y, const int8_t *x, const lanes *signs, size_t d) {
    for (size_t i = 0; i < d; i += RADIX) {
        lanes v[RADIX];
        for (size_t k = 0; k < RADIX; k++)
            v[k] = ((x ? (lanes){0} + x[i + k] : y[i + k]) ^ signs[i + k]) - signs[i + k];
        butterflies(v, RADIX);
        for (size_t k = 0; k < RADIX; k++) y[i + k] = v[k];
    }
    size_t h = RADIX;
    for (; RADIX * h <= d; h *= RADIX) stages(y, d, h, RADIX);
    if (4 * h == d) stages(y, d, h, 4);
    if (2 * h == d) stages(y, d, h, 2);
}

/* Codes [keys, n, code_bytes] of rows [n, d] under the streams [keys · blocks, ROUNDS · d / 8] of some keys, `columns`
   of them; d is a power of two from 8 to 4,096. Returns 0, or -1 where there is no memory. */
FOR_EACH_PROCESSOR
int cairn_encode(const int8_t *rows, size_t n, size_t d, const uint8_t *streams, size_t columns, size_t blocks,
                 size_t code_bytes, uint8_t *codes) {
    size_t of_stream = ROUNDS * d / 8, of_block = d / 8;
    lanes *signs = aligned_alloc(sizeof(lanes), (ROUNDS + 1) * d * sizeof(lanes));
    if (!signs) return -1;
    lanes *y = signs + ROUNDS * d;
    for (size_t first = 0; first < columns; first += LANES) {
        size_t count = columns - first < LANES ? columns - first : LANES;
        uint8_t *to[LANES];   /* where the first row's code begins, in each column's block */
        size_t room[LANES];   /* how much of the block there is in it: a code may end inside its last one */
        for (size_t l = 0; l < count; l++) {
            size_t key = (first + l) / blocks, before = (first + l) % blocks * of_block;
            to[l] = codes + key * n * code_bytes + before;
            room[l] = code_bytes - before < of_block ? code_bytes - before : of_block;
        }
        for (size_t byte = 0; byte < of_stream; byte++) {
            lanes some = {0};
            for (size_t l = 0; l < count; l++) some[l] = streams[(first + l) * of_stream + byte];
            for (int bit = 0; bit < 8; bit++) signs[8 * byte + bit] = -(some >> (7 - bit) & 1);
        }
        for (size_t row = 0; row < n; row++) {
            turn(y, rows + row * d, signs, d);
            for (size_t round = 1; round < ROUNDS; round++) turn(y, NULL, signs + round * d, d);
            for (size_t byte = 0; byte < of_block; byte++) {
                lanes bits = {0};
                for (int bit = 0; bit < 8; bit++) bits |= (y[8 * byte + bit] >= 0) & (128 >> bit);
                for (size_t l = 0; l < count; l++)
                    if (byte < room[l]) to[l][row * code_bytes + byte] = (uint8_t)bits[l];
            }
        }
    }
    free(signs);
    return 0;
}
