package trust

import (
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// Root is the key a device pins, and which one it is: the first of a province is 1.
type Root struct {
	Number int       `json:"number"`
	Key    PublicKey `json:"key"`
}

// RootStep says who comes after a root: the payload of a step, signed by both. The one
// before proves that it is right, the one after that somebody holds it.
type RootStep struct {
	Province radio.AreaID `json:"province"`
	Number   int          `json:"number"` // of the new one
	Root     PublicKey    `json:"root"`   // the new one
	At       radio.Millis `json:"at"`
}

// RootStepType is the typ of a step's envelope.
const RootStepType = "loaxa.root.v1"

// MaxRootSteps bounds the chain: a province that changes its root every year is through
// in thirty.
const MaxRootSteps = 32

// maxRootStep bounds a step's payload in bytes.
const maxRootStep = 1 << 10

// SignRootStep makes the step from one root to the next.
func SignRootStep(province radio.AreaID, from Root, oldKey, newKey Key, at radio.Millis) ([]byte, error) {
	if oldKey.KID() != from.Key.KID || newKey.KID() == oldKey.KID() {
		return nil, fmt.Errorf("%w: step from root %d: want its key, and another one", radio.ErrInvalid, from.Number)
	}
	payload, err := json.Marshal(RootStep{Province: province, Number: from.Number + 1, Root: newKey.Public(), At: at})
	if err != nil {
		return nil, fmt.Errorf("write root step: %w", err)
	}
	return Sign(RootStepType, string(province), payload, oldKey, newKey)
}

// Walked is one step that was taken, and the root it leads to.
type Walked struct {
	Root Root
	Step json.RawMessage
}

// WalkRoots follows the steps from the root that is held, and gives those it took, which
// are none when no step is for it. Steps to roots already passed are left out. A step that
// is missing, not signed by both roots, or for another province ends the walk with an
// error beside what was walked until then.
func WalkRoots(province radio.AreaID, held Root, steps []json.RawMessage) (walked []Walked, err error) {
	if len(steps) > MaxRootSteps {
		return nil, fmt.Errorf("%w: %d root steps, at most %d", radio.ErrInvalid, len(steps), MaxRootSteps)
	}
	for i, data := range steps {
		step, kids, err := openRootStep(data, province, held.Key)
		if err != nil {
			return walked, fmt.Errorf("root step %d: %w", i, err)
		}
		if step.Number <= held.Number {
			continue
		}
		switch {
		case step.Number != held.Number+1:
			return walked, fmt.Errorf("%w: root step %d leads to root %d, root %d is held", radio.ErrConflict, i, step.Number, held.Number)
		case len(kids) != 2 || !slices.Contains(kids, held.Key.KID) || !slices.Contains(kids, step.Root.KID):
			return walked, fmt.Errorf("%w: root step %d is not signed by root %d and its successor", radio.ErrForbidden, i, held.Number)
		}
		held = Root{Number: step.Number, Key: step.Root}
		walked = append(walked, Walked{Root: held, Step: data})
	}
	return walked, nil
}

// openRootStep verifies a step by the two keys it may be signed with: the root held, and
// the one the step itself names. That both did is for the caller to see; of a step that
// was passed long ago nothing can be proven, and nothing needs to be.
func openRootStep(data []byte, province radio.AreaID, held PublicKey) (RootStep, []string, error) {
	var step RootStep
	env, err := parseEnvelope(data, maxRootStep)
	if err != nil {
		return step, nil, err
	}
	payload, err := payloadOf(env)
	if err != nil {
		return step, nil, err
	}
	// Read before it is proven, since it names the key that proves half of it.
	if err := json.Unmarshal(payload, &step); err != nil {
		return step, nil, fmt.Errorf("%w: %v", radio.ErrInvalid, err)
	}
	var kids []string
	for _, s := range env.Signatures {
		kid, err := s.prove(RootStepType, string(province), env.Payload, func(kid string) (PublicKey, error) {
			for _, k := range []PublicKey{held, step.Root} {
				if kid == k.KID && !k.IsPasskey() && !k.IsZero() {
					return k, nil
				}
			}
			return PublicKey{}, errPassed
		})
		switch {
		case err == errPassed:
		case err != nil:
			return step, nil, err
		default:
			kids = append(kids, kid)
		}
	}
	if step.Province != province {
		return step, nil, fmt.Errorf("%w: it is for province %s", radio.ErrForbidden, clip(string(step.Province)))
	}
	return step, kids, nil
}

// errPassed: a signer of a step that is neither the root held nor the next one.
var errPassed = fmt.Errorf("%w: signed by a root that is not held", radio.ErrForbidden)
