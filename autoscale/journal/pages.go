package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The form of a bbolt file, of which bbolt's own code trusts each word: a page that is
// damaged makes it read, or worse write, elsewhere. Numbers are in the machine's order.
const (
	pageHead    = 16 // bytes: the page's number (8), flags (2), count of elements (2), further pages (4)
	elementSize = 16
	bucketHead  = 16 // bytes: root page (8), sequence (8)

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01 // an element that is a bucket

	metaSize    = 64
	metaMagic   = 0xED0CDAED
	firstPage   = 2 // after the two metas
	noFreelist  = 1<<64 - 1
	manyInFirst = 0xFFFF // a freelist of so many or more has their number in its first place
)

var order = binary.NativeEndian

// pages walks the pages of a file that nobody writes.
type pages struct {
	file io.ReaderAt
	size int64 // of a page, in bytes
	used []bool
}

// meta is what one of the two heads of the file says.
type meta struct {
	pageSize, root, freelist, pages, tx uint64
}

// checkPages tells whether every page that is in use, and the list of those that are
// free, can be what they say, and that no page is used twice. A page that belongs to
// nothing is only lost space.
func checkPages(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: %s is empty", ErrCorrupt, fileName)
	}
	m, found := newestMeta(file)
	if !found {
		return fmt.Errorf("%w: %s: neither of its two heads is whole", ErrCorrupt, fileName)
	}
	if whole := int64(m.pages * m.pageSize); m.pages > 1<<40 || info.Size() < whole {
		return fmt.Errorf("%w: %s is cut off at %d of %d bytes", ErrCorrupt, fileName, info.Size(), whole)
	}
	p := &pages{file: file, size: int64(m.pageSize), used: make([]bool, m.pages)}
	if m.freelist != noFreelist {
		err = p.freelist(m.freelist)
	}
	if err == nil {
		err = p.tree(m.root, nil)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, fileName, err)
	}
	return nil
}

// newestMeta finds the head of the last transaction. The second head's place depends
// on the size of pages.
func newestMeta(file io.ReaderAt) (newest meta, found bool) {
	first, ok := readMeta(file, 0)
	if ok {
		newest, found = first, true
	}
	for size := int64(1 << 9); size <= 1<<16; size *= 2 {
		second, ok := readMeta(file, size)
		if ok && second.pageSize == uint64(size) && (!found || first.pageSize == uint64(size) && second.tx > newest.tx) {
			newest, found = second, true
		}
	}
	return newest, found
}

func readMeta(file io.ReaderAt, at int64) (m meta, ok bool) {
	data := make([]byte, pageHead+metaSize)
	if _, err := file.ReadAt(data, at); err != nil {
		return m, false
	}
	data = data[pageHead:]
	sum := fnv.New64a()
	sum.Write(data[:metaSize-8])
	if order.Uint32(data) != metaMagic || order.Uint64(data[metaSize-8:]) != sum.Sum64() || order.Uint32(data[8:]) < 1<<9 {
		return m, false
	}
	return meta{
		pageSize: uint64(order.Uint32(data[8:])), root: order.Uint64(data[16:]),
		freelist: order.Uint64(data[32:]), pages: order.Uint64(data[40:]), tx: order.Uint64(data[48:]),
	}, true
}

// page reads a page with those that continue it, and notes that they are used.
func (p *pages) page(id uint64) (data []byte, flags uint16, count int, err error) {
	if err := p.use(id); err != nil {
		return nil, 0, 0, err
	}
	data = make([]byte, p.size)
	if _, err := p.file.ReadAt(data, int64(id)*p.size); err != nil {
		return nil, 0, 0, fmt.Errorf("page %d: %w", id, err)
	}
	if named := order.Uint64(data); named != id {
		return nil, 0, 0, fmt.Errorf("page %d says that it is page %d", id, named)
	}
	flags, count = order.Uint16(data[8:]), int(order.Uint16(data[10:]))
	more := uint64(order.Uint32(data[12:]))
	for next := id + 1; next <= id+more; next++ {
		if err := p.use(next); err != nil {
			return nil, 0, 0, fmt.Errorf("page %d goes on in another: %w", id, err)
		}
	}
	if more > 0 {
		data = append(data, make([]byte, int64(more)*p.size)...)
		if _, err := p.file.ReadAt(data[p.size:], int64(id+1)*p.size); err != nil {
			return nil, 0, 0, fmt.Errorf("page %d: %w", id, err)
		}
	}
	return data, flags, count, nil
}

func (p *pages) use(id uint64) error {
	if id < firstPage || id >= uint64(len(p.used)) {
		return fmt.Errorf("there is no page %d", id)
	}
	if p.used[id] {
		return fmt.Errorf("page %d is used twice", id)
	}
	p.used[id] = true
	return nil
}

// freelist reads the list of pages that may be written over.
func (p *pages) freelist(id uint64) error {
	data, flags, count, err := p.page(id)
	if err != nil {
		return err
	}
	if flags != freelistPage {
		return fmt.Errorf("page %d is no list of free pages", id)
	}
	list := data[pageHead:]
	if count == manyInFirst {
		count = int(min(order.Uint64(list), uint64(len(list))))
		list = list[8:]
	}
	if count > len(list)/8 {
		return fmt.Errorf("page %d has no room for the %d free pages that it lists", id, count)
	}
	for i := range count {
		if err := p.use(order.Uint64(list[8*i:])); err != nil {
			return fmt.Errorf("list of free pages: %w", err)
		}
	}
	return nil
}

// tree walks the page and all below it. first is the key by which another page knows it,
// nil where none does.
func (p *pages) tree(id uint64, first []byte) error {
	data, flags, count, err := p.page(id)
	if err != nil {
		return err
	}
	if flags != branchPage && flags != leafPage {
		return fmt.Errorf("page %d is of no kind that can be there", id)
	}
	if err := p.elements(data, flags, count, first); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements walks those of a page, which lie behind their table without a gap, in the
// order of their keys.
func (p *pages) elements(data []byte, flags uint16, count int, first []byte) error {
	next := pageHead + count*elementSize
	var before []byte
	for i := range count {
		at := pageHead + i*elementSize
		if at+elementSize > len(data) {
			return fmt.Errorf("%d elements have no room there", count)
		}
		e := data[at : at+elementSize]
		position, keySize, valueSize := order.Uint32(e), order.Uint32(e[4:]), uint32(0)
		if flags == leafPage {
			position, keySize, valueSize = order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		}
		if uint64(at)+uint64(position) != uint64(next) || uint64(next)+uint64(keySize)+uint64(valueSize) > uint64(len(data)) {
			return fmt.Errorf("element %d is not where it should be", i)
		}
		key := data[next : next+int(keySize)]
		value := data[next+int(keySize) : next+int(keySize)+int(valueSize)]
		if i > 0 && bytes.Compare(before, key) >= 0 {
			return fmt.Errorf("the key of element %d is out of order", i)
		}
		if i == 0 && first != nil && !bytes.Equal(first, key) {
			return fmt.Errorf("it does not begin with the key by which it is known")
		}
		if err := p.below(flags, e, key, value); err != nil {
			return err
		}
		before, next = key, next+int(keySize)+int(valueSize)
	}
	return nil
}

// below walks what an element leads to: a page, or a bucket, which has pages or is a
// small page itself. A record leads nowhere.
func (p *pages) below(flags uint16, element, key, value []byte) error {
	switch {
	case flags == branchPage:
		return p.tree(order.Uint64(element[8:]), key)
	case order.Uint32(element) == 0:
		return nil
	case order.Uint32(element) != bucketLeaf || len(value) < bucketHead:
		return fmt.Errorf("an element is neither a record nor a bucket")
	}
	if root := order.Uint64(value); root != 0 {
		return p.tree(root, nil)
	}
	inside := value[bucketHead:]
	if len(inside) < pageHead || order.Uint16(inside[8:]) != leafPage {
		return fmt.Errorf("a bucket without a page")
	}
	return p.elements(inside, leafPage, int(order.Uint16(inside[10:])), nil)
}
