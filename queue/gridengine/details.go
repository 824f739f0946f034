package gridengine

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Detail is what qstat -j tells of a job beside what its list does.
type Detail struct {
	ID int64
	// Begins is when it may start. Zero: at once.
	Begins time.Time
	// Concurrent is how many tasks of the array may run at a time. 0: any number.
	Concurrent int64
	// Reservation is the advance reservation that it is for. 0: none.
	Reservation int64
	// Told: its context has our word on why it waits.
	Told bool
	// Messages are why the scheduler did not start it when it looked last, as long as
	// schedd_job_info of the scheduler's configuration is true.
	Messages []Message
}

// Message is one of the scheduler's.
type Message struct {
	Number int    `xml:"MES_message_number"`
	Text   string `xml:"MES_message"`
}

type wireDetail struct {
	ID          int64 `xml:"JB_job_number"`
	Reservation int64 `xml:"JB_ar"`
	Begins      int64 `xml:"JB_execution_time"`
	Concurrent  int64 `xml:"JB_ja_task_concurrency"`
	// Context are the names of the variables of its context.
	Context []string `xml:"JB_context>context_list>VA_variable"`
}

// wireMessages are the scheduler's on single jobs; those on all of them are left out.
type wireMessages struct {
	Elements []struct {
		Lists []struct {
			Messages []struct {
				Message
				Jobs []int64 `xml:"MES_job_number_list>ulong_sublist>ULNG_value"`
			} `xml:"element"`
		} `xml:"SME_message_list"`
	} `xml:"element"`
}

// ReadDetails reads what qstat -xml -j prints, by job. Jobs that are no more are left out.
// An error is [ErrAnswer].
func ReadDetails(text []byte) (map[int64]Detail, error) {
	details := make(map[int64]Detail)
	var messages wireMessages
	err := document(text, "detailed_job_info", func(d *xml.Decoder, start xml.StartElement) (bool, error) {
		switch start.Name.Local {
		case "djob_info":
			return false, nil
		case "element":
			var w wireDetail
			if err := d.DecodeElement(&w, &start); err != nil {
				return true, err
			}
			if w.ID <= 0 || w.Concurrent < 0 || w.Begins < 0 {
				return true, fmt.Errorf("job %d: its number, its execution time or its task concurrency is wrong", w.ID)
			}
			detail := Detail{ID: w.ID, Concurrent: w.Concurrent, Reservation: w.Reservation, Told: slices.Contains(w.Context, contextName)}
			if w.Begins > 0 {
				detail.Begins = time.Unix(w.Begins, 0).UTC()
			}
			details[w.ID] = detail
			return true, nil
		case "messages":
			return true, d.DecodeElement(&messages, &start)
		}
		return true, d.Skip()
	})
	if err != nil && noneKnown(text) {
		return details, nil
	}
	if err != nil {
		return nil, answerError("qstat's details of jobs", text, err)
	}
	for _, e := range messages.Elements {
		for _, l := range e.Lists {
			for _, m := range l.Messages {
				for _, id := range m.Jobs {
					if detail, known := details[id]; known {
						detail.Messages = append(detail.Messages, m.Message)
						details[id] = detail
					}
				}
			}
		}
	}
	return details, nil
}

// noneKnown tells whether qstat answers that it knows none of the jobs: they have ended.
func noneKnown(text []byte) bool {
	ids := 0
	err := document(text, "unknown_jobs", func(d *xml.Decoder, start xml.StartElement) (bool, error) {
		var id string
		if err := d.DecodeElement(&id, &start); err != nil {
			return true, err
		}
		if _, err := strconv.ParseInt(id, 10, 64); err != nil || start.Name.Local != "ST_name" {
			return true, errors.New("want the number of a job")
		}
		ids++
		return true, nil
	})
	return err == nil && ids > 0
}
