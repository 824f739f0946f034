package journal

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"autoscaled/autoscale"
)

// seals are checksums, for a digit that was damaged still reads as a number.
var seals = crc32.MakeTable(crc32.Castagnoli)

// seal is a record as it is stored: the JSON, a line's end, and a checksum of it and of
// its key, in hexadecimal.
func seal(key, data []byte) []byte {
	return fmt.Appendf(bytes.Clone(data), "\n%08x", sumOf(key, data))
}

// unseal is the JSON of a stored record. Its error wraps ErrCorrupt. Records without a
// seal were written by an older daemon.
func unseal(key, stored []byte) ([]byte, error) {
	data, sum, sealed := bytes.Cut(stored, []byte{'\n'})
	if sealed && string(sum) != fmt.Sprintf("%08x", sumOf(key, data)) {
		return nil, fmt.Errorf("%w: a record is not as it was written", ErrCorrupt)
	}
	return data, nil
}

func sumOf(key, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, seals), seals, data)
}

// readOperation is the operation that is stored under a key.
func readOperation(key, stored []byte) (operationRecord, error) {
	data, err := unseal(key, stored)
	if err != nil {
		return operationRecord{}, fmt.Errorf("operation: %w", err)
	}
	return decodeOperation(data)
}

// readMemory is the memory that is stored under a key.
func readMemory(key, stored []byte) (autoscale.Memory, error) {
	data, err := unseal(key, stored)
	if err != nil {
		return autoscale.Memory{}, fmt.Errorf("memory: %w", err)
	}
	return decodeMemory(data)
}
