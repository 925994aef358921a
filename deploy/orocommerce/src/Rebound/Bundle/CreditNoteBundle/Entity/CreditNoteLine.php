<?php

namespace Rebound\Bundle\CreditNoteBundle\Entity;

use Doctrine\DBAL\Types\Types;
use Doctrine\ORM\Mapping as ORM;
use Oro\Bundle\EntityConfigBundle\Metadata\Attribute\Config;
use Oro\Bundle\EntityConfigBundle\Metadata\Attribute\ConfigField;
use Oro\Bundle\OrderBundle\Entity\OrderLineItem;

/**
 * A line of a credit note: what came back of one product, and what it is worth (total = net + tax).
 *
 * SKU and unit are copies of what came back. The quantity is a number like that of an order line, which it never
 * exceeds; the order line may be gone, or be that of the kit to which the product belonged.
 *
 * A line has no permission of its own: access to it is that to credit notes (Resources/config/oro/api.yml).
 */
#[ORM\Entity]
#[ORM\Table(name: 'rebound_credit_note_line')]
#[Config(
    defaultValues: [
        'entity' => ['icon' => 'fa-list-alt'],
        'dataaudit' => ['auditable' => true]
    ]
)]
class CreditNoteLine
{
    #[ORM\Id]
    #[ORM\Column(name: 'id', type: Types::INTEGER)]
    #[ORM\GeneratedValue(strategy: 'AUTO')]
    private ?int $id = null;

    #[ORM\ManyToOne(targetEntity: CreditNote::class, inversedBy: 'lines')]
    #[ORM\JoinColumn(name: 'credit_note_id', referencedColumnName: 'id', nullable: false, onDelete: 'CASCADE')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?CreditNote $creditNote = null;

    #[ORM\Column(name: 'return_line_key', type: Types::STRING, length: 255, unique: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $returnLineKey = null;

    #[ORM\ManyToOne(targetEntity: OrderLineItem::class)]
    #[ORM\JoinColumn(name: 'order_line_id', referencedColumnName: 'id', nullable: true, onDelete: 'SET NULL')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?OrderLineItem $orderLine = null;

    #[ORM\Column(name: 'sku', type: Types::STRING, length: 255)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $sku = null;

    #[ORM\Column(name: 'quantity', type: Types::FLOAT)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?float $quantity = null;

    #[ORM\Column(name: 'unit_code', type: Types::STRING, length: 255, nullable: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $unitCode = null;

    #[ORM\Column(name: 'reason_code', type: Types::STRING, length: 255, nullable: true)]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $reasonCode = null;

    #[ORM\Column(name: 'net_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $netAmount = null;

    #[ORM\Column(name: 'discount_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $discountAmount = '0.0000';

    #[ORM\Column(name: 'tax_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $taxAmount = null;

    #[ORM\Column(name: 'total_amount', type: 'money')]
    #[ConfigField(defaultValues: ['dataaudit' => ['auditable' => true]])]
    private ?string $totalAmount = null;

    public function __toString(): string
    {
        return (string)$this->returnLineKey;
    }

    public function getId(): ?int
    {
        return $this->id;
    }

    public function getCreditNote(): ?CreditNote
    {
        return $this->creditNote;
    }

    public function setCreditNote(?CreditNote $creditNote): self
    {
        $this->creditNote = $creditNote;

        return $this;
    }

    public function getReturnLineKey(): ?string
    {
        return $this->returnLineKey;
    }

    public function setReturnLineKey(?string $returnLineKey): self
    {
        $this->returnLineKey = $returnLineKey;

        return $this;
    }

    public function getOrderLine(): ?OrderLineItem
    {
        return $this->orderLine;
    }

    public function setOrderLine(?OrderLineItem $orderLine): self
    {
        $this->orderLine = $orderLine;

        return $this;
    }

    public function getSku(): ?string
    {
        return $this->sku;
    }

    public function setSku(?string $sku): self
    {
        $this->sku = $sku;

        return $this;
    }

    public function getQuantity(): ?float
    {
        return $this->quantity;
    }

    /**
     * The API passes an empty text on as it is; it means no quantity, which the validation refuses.
     */
    public function setQuantity(float|int|string|null $quantity): self
    {
        $this->quantity = is_numeric($quantity) ? (float)$quantity : null;

        return $this;
    }

    public function getUnitCode(): ?string
    {
        return $this->unitCode;
    }

    public function setUnitCode(?string $unitCode): self
    {
        $this->unitCode = $unitCode;

        return $this;
    }

    public function getReasonCode(): ?string
    {
        return $this->reasonCode;
    }

    public function setReasonCode(?string $reasonCode): self
    {
        $this->reasonCode = $reasonCode;

        return $this;
    }

    public function getNetAmount(): ?string
    {
        return $this->netAmount;
    }

    public function setNetAmount(?string $netAmount): self
    {
        $this->netAmount = $netAmount;

        return $this;
    }

    public function getDiscountAmount(): ?string
    {
        return $this->discountAmount;
    }

    public function setDiscountAmount(?string $discountAmount): self
    {
        $this->discountAmount = $discountAmount;

        return $this;
    }

    public function getTaxAmount(): ?string
    {
        return $this->taxAmount;
    }

    public function setTaxAmount(?string $taxAmount): self
    {
        $this->taxAmount = $taxAmount;

        return $this;
    }

    public function getTotalAmount(): ?string
    {
        return $this->totalAmount;
    }

    public function setTotalAmount(?string $totalAmount): self
    {
        $this->totalAmount = $totalAmount;

        return $this;
    }
}
